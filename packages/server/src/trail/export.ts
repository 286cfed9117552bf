import type { TrailCheckpoint, TrailLine } from '@fleetward/protocol';
import type { TrailStore } from './store.ts';

const pageEntries = 500;

/** Every entry up to the one `through` covers, each checkpoint directly after its entry; `through` is the last line. */
export async function* exportThrough(
  store: TrailStore,
  through: TrailCheckpoint,
): AsyncGenerator<TrailLine, void, undefined> {
  for (let afterSeq = 0; afterSeq < through.seq; ) {
    const page = await store.page({ afterSeq, limit: Math.min(pageEntries, through.seq - afterSeq) });
    // At most one checkpoint an entry, so as many as the page has entries cover the page.
    const checkpoints = await store.checkpoints({ afterSeq, limit: pageEntries });
    const bySeq = new Map(checkpoints.map((checkpoint) => [checkpoint.seq, checkpoint]));
    for (const { entry, payload } of page) {
      yield { type: 'entry', entry, ...payload };
      const checkpoint = entry.seq === through.seq ? through : bySeq.get(entry.seq);
      if (checkpoint !== undefined) yield { type: 'checkpoint', checkpoint };
    }
    const last = page.at(-1);
    // Nothing more to read though `through` vouches for it: the verifier will say what is missing.
    if (last === undefined) return;
    afterSeq = last.entry.seq;
  }
}
