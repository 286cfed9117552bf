import type { Verbs } from '../load.ts';

const registry = () => import('./ca-registry.ts');
const offline = () => import('./ca-offline.ts');

/** `fleetward ca …`: the certificate authorities of the platform, and the root that is kept elsewhere. */
export const caVerbs: Verbs = {
  list: async () => (await registry()).addCaList,
  show: async () => (await registry()).addCaShow,
  'request-intermediate': async () => (await import('./ca-request.ts')).addCaRequest,
  import: async () => (await import('./ca-request.ts')).addCaImport,
  readiness: async () => (await import('./ca-readiness.ts')).addCaReadiness,
  'set-state': async () => (await registry()).addCaSetState,
  'init-root': async () => (await import('./ca-init-root.ts')).addCaInitRoot,
  'sign-intermediate': async () => (await offline()).addCaSignIntermediate,
  'cross-sign': async () => (await offline()).addCaCrossSign,
};
