import type { Verbs } from '../load.ts';

const write = () => import('./policy-write.ts');
const read = () => import('./policy-read.ts');
const attach = () => import('./policy-attach.ts');
const trial = () => import('./policy-trial.ts');

/** `fleetward policy …`: what devices may do. */
export const policyVerbs: Verbs = {
  create: async () => (await write()).addPolicyCreate,
  'add-version': async () => (await write()).addPolicyAddVersion,
  'set-default': async () => (await write()).addPolicySetDefault,
  list: async () => (await read()).addPolicyList,
  show: async () => (await read()).addPolicyShow,
  delete: async () => (await write()).addPolicyDelete,
  'delete-version': async () => (await write()).addPolicyDeleteVersion,
  attach: async () => (await attach()).addPolicyAttach,
  detach: async () => (await attach()).addPolicyDetach,
  lint: async () => (await import('./policy-lint.ts')).addPolicyLint,
  test: async () => (await import('./policy-test.ts')).addPolicyTest,
  why: async () => (await import('./policy-why.ts')).addPolicyWhy,
  decide: async () => (await import('./policy-decide.ts')).addPolicyDecide,
  prove: async () => (await import('./policy-prove.ts')).addPolicyProve,
  synthesise: async () => (await import('./policy-synthesise.ts')).addPolicySynthesise,
  trial: async () => (await trial()).addPolicyTrial,
  promote: async () => (await trial()).addPolicyPromote,
  rollback: async () => (await trial()).addPolicyRollback,
};
