import { getHealth, getMetrics, getPlatform, getReadiness, type Part } from '@fleetward/protocol';
import type { Registry } from 'prom-client';
import { handle, type RouteHandler } from '../route-handler.ts';
import { HttpError } from './errors.ts';

export type PlatformFacts = Part<(typeof getPlatform)['answer']>;

/** `/healthz`, `/readyz`, `/metrics` and the facts about the platform. */
export function platformHandlers(options: {
  readonly facts: () => PlatformFacts;
  readonly isReady: () => boolean;
  readonly metrics: Pick<Registry, 'metrics' | 'contentType'>;
}): readonly RouteHandler[] {
  return [
    handle(getPlatform, async () => options.facts()),
    handle(getHealth, async () => ({ status: 'ok' as const })),
    handle(getReadiness, async () => {
      if (!options.isReady()) throw new HttpError('http.not_ready', 'the platform is starting or stopping');
      return { status: 'ready' as const };
    }),
    handle(getMetrics, async () => ({
      contentType: options.metrics.contentType,
      bytes: Buffer.from(await options.metrics.metrics()),
    })),
  ];
}
