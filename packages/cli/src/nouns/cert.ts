import type { Verbs } from '../load.ts';

const registry = () => import('./cert-registry.ts');

const state = () => import('./cert-state.ts');

/** `fleetward cert …`: the certificates of devices. */
export const certVerbs: Verbs = {
  issue: async () => (await import('./cert-issue.ts')).addCertIssue,
  list: async () => (await registry()).addCertList,
  show: async () => (await registry()).addCertShow,
  activate: async () => (await state()).addCertActivate,
  deactivate: async () => (await state()).addCertDeactivate,
  delete: async () => (await import('./cert-delete.ts')).addCertDelete,
  unhold: async () => (await import('./cert-unhold.ts')).addCertUnhold,
  revoke: async () => (await import('./cert-revoke.ts')).addCertRevoke,
  transfer: async () => (await import('./cert-transfer.ts')).addCertTransfer,
  verify: async () => (await import('./cert-verify.ts')).addCertVerify,
};
