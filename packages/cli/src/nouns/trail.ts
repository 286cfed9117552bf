import type { Verbs } from '../load.ts';

const exported = () => import('./trail-export.ts');

/** `fleetward trail …`: the hash-chained record of what was done. */
export const trailVerbs: Verbs = {
  list: async () => (await import('./trail-list.ts')).addTrailList,
  export: async () => (await exported()).addTrailExport,
  verify: async () => (await import('./trail-verify.ts')).addTrailVerify,
  checkpoint: async () => (await exported()).addTrailCheckpoint,
  'public-key': async () => (await exported()).addTrailPublicKey,
};
