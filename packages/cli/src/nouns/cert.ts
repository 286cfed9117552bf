import type { Verbs } from '../load.ts';

const registry = () => import('./cert-registry.ts');

/** `fleetward cert …`: the certificates of devices. */
export const certVerbs: Verbs = {
  list: async () => (await registry()).addCertList,
  show: async () => (await registry()).addCertShow,
  revoke: async () => (await registry()).addCertRevoke,
  verify: async () => (await import('./cert-verify.ts')).addCertVerify,
};
