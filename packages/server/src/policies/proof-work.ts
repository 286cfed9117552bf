import {
  type AttachedPolicy,
  type DeadStatements,
  diffPolicies,
  findDead,
  type ObservedThing,
  type PolicyBinding,
  type PolicyDiff,
  type Proof,
  type Property,
  parsePolicy,
  prove,
  type SynthesisedPolicy,
  synthesisePolicy,
} from '@fleetward/policy';

type Policies = readonly AttachedPolicy[];

interface Bounded {
  readonly statesMax: number;
}

/** What a thread of its own works out about policies: each takes and gives plain data. */
export const proofWork = {
  prove: ({ policies, property, ...bounds }: ProveTask): Proof => prove(policies, property, bounds),
  diff: ({ before, now, ...bounds }: DiffTask): PolicyDiff => diffPolicies(before, now, bounds),
  dead: ({ policies, ...bounds }: DeadTask): DeadStatements => findDead(policies, bounds),
  synthesise,
};

export type ProofWork = typeof proofWork;

interface ProveTask extends Bounded {
  readonly policies: Policies;
  readonly property: Property;
}

interface DiffTask extends Bounded {
  readonly before: Policies;
  readonly now: Policies;
}

interface DeadTask extends Bounded {
  readonly policies: Policies;
}

interface SynthesisTask extends Bounded {
  readonly observed: readonly ObservedThing[];
  readonly wildcardValuesMin: number;
  readonly binding: PolicyBinding;
  /** What the new policy would stand for. */
  readonly present: Policies;
}

/** The least policy and what the present ones allow beyond it; nothing when nothing was seen. */
function synthesise({
  observed,
  wildcardValuesMin,
  binding,
  present,
  ...bounds
}: SynthesisTask): (SynthesisedPolicy & { readonly beyond: PolicyDiff }) | undefined {
  const policy = synthesisePolicy(observed, { wildcardValuesMin });
  if (policy === undefined) return undefined;
  const { document } = parsePolicy(policy.document, binding);
  const least: AttachedPolicy = { name: 'synthesised', versionId: 0, document, via: 'certificate' };
  return { ...policy, beyond: diffPolicies([least], present, bounds) };
}
