import type { Verbs } from '../load.ts';

const shown = () => import('./issuance-log-head.ts');

/** `fleetward issuance-log …`: the append-only log of every certificate that was issued. */
export const issuanceLogVerbs: Verbs = {
  head: async () => (await shown()).addIssuanceLogHead,
  prove: async () => (await import('./issuance-log-prove.ts')).addIssuanceLogProve,
  verify: async () => (await import('./issuance-log-verify.ts')).addIssuanceLogVerify,
  audit: async () => (await import('./issuance-log-audit.ts')).addIssuanceLogAudit,
  'public-key': async () => (await shown()).addIssuanceLogPublicKey,
};
