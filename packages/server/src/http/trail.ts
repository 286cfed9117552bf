import { toBase64, utf8 } from '@fleetward/core';
import {
  createTrailCheckpoint,
  exportTrail,
  formatTrailLine,
  getTrailPublicKey,
  listTrail,
  type TrailLine,
} from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Trail } from '../trail/index.ts';

/** What the routes need of the trail. */
export type ReadableTrail = Pick<Trail, 'page' | 'checkpoint' | 'exportLines'>;

/** The routes of the trail; `publicKey` is the SPKI of the checkpoint key. */
export function trailHandlers(trail: ReadableTrail, publicKey: Uint8Array): readonly RouteHandler[] {
  return [
    handle(listTrail, async ({ query }) => {
      const page = await trail.page({ afterSeq: query.afterSeq ?? 0, limit: query.limit ?? 100 });
      return { entries: page.map(({ entry, payload }) => ({ entry, ...payload })) };
    }),
    handle(exportTrail, async ({ signal }) => ({
      contentType: 'application/jsonl',
      bytes: encodeLines(trail.exportLines(), signal),
    })),
    handle(createTrailCheckpoint, async () => {
      const checkpoint = await trail.checkpoint();
      return checkpoint === undefined ? {} : { checkpoint };
    }),
    handle(getTrailPublicKey, async () => ({
      algorithm: 'ed25519' as const,
      publicKey: toBase64(publicKey),
    })),
  ];
}

async function* encodeLines(
  lines: AsyncIterable<TrailLine>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const line of lines) {
    signal.throwIfAborted();
    yield utf8(`${formatTrailLine(line)}\n`);
  }
}
