import { listDetections } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Detections } from './service.ts';
import type { UnloggedCertificates } from './unlogged.ts';

/** What the platform noticed by itself, newest first. */
export function detectionHandlers(noticed: {
  readonly detections: Pick<Detections, 'list'>;
  readonly unlogged: Pick<UnloggedCertificates, 'list'>;
}): readonly RouteHandler[] {
  return [
    handle(listDetections, async ({ query }) => {
      const limit = query.limit ?? 100;
      const all = [...noticed.unlogged.list(limit), ...noticed.detections.list(limit)];
      return {
        detections: all
          .toSorted((a, b) => b.lastAtMs - a.lastAtMs)
          .slice(0, limit)
          .map((one) => ({
            ...one,
            thingNames: [...one.thingNames],
            clientIds: [...one.clientIds],
            addresses: [...one.addresses],
          })),
      };
    }),
  ];
}
