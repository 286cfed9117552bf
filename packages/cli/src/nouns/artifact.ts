import type { Verbs } from '../load.ts';

const read = () => import('./artifact-read.ts');
const change = () => import('./artifact-change.ts');

/** `fleetward artifact …`: the files behind releases, as the platform keeps them. */
export const artifactVerbs: Verbs = {
  upload: async () => (await change()).addArtifactUpload,
  list: async () => (await read()).addArtifactList,
  show: async () => (await read()).addArtifactShow,
  delete: async () => (await change()).addArtifactDelete,
};
