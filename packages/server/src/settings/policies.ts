import { policyNameSchema, propertySchema } from '@fleetward/protocol';
import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const guardrails = Type.Array(
  Type.Object(
    {
      guardrailName: Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' }),
      policyName: Type.Optional(policyNameSchema),
      property: propertySchema,
    },
    { additionalProperties: false },
  ),
  {
    default: [],
    maxItems: 100,
    description:
      'Proofs required of a policy, or without `policyName` of every policy, each given as for `POST /v1/guardrails`; what would break one is refused, and what broke one before it was required is reported at the start (docs/how-to/prove-a-policy.md).',
  },
);

export const proofLimits = section(
  {
    statesMax: count(400_000, 'Automaton states that a proof may make before it is undecided.', {
      maximum: 100_000_000,
    }),
    timeoutMs: count(30_000, 'A proof that takes longer is undecided.', { maximum: 600_000 }),
    pendingMax: count(64, 'Proofs that may wait for the one that runs; one more is told to try again.', {
      maximum: 10_000,
    }),
    setsMax: count(
      200,
      'Proofs that one change may need, by the policies that are attached together; a change that needs more is refused.',
      {
        maximum: 100_000,
      },
    ),
  },
  'Limits of proofs about policies, which run one at a time in a thread of their own.',
);

export const trials = section(
  {
    trialsMax: count(20, 'Policies with a version in trial at once.', { maximum: 1_000 }),
    findingsMax: count(
      200,
      'Kinds of requests kept of one trial that it would decide otherwise; further ones are counted.',
      { maximum: 10_000 },
    ),
  },
  'Trials of policy versions.',
);

export const activity = section(
  {
    entriesPerThingMax: count(
      128,
      'Kinds of requests kept apart of one thing, as many allowed as denied; of more the most alike become one with `*`.',
      { minimum: 32, maximum: 1_024 },
    ),
    thingsMax: count(100_000, 'Things of which activity is kept; of further ones it is counted only.', {
      maximum: 10_000_000,
    }),
    keptDays: count(30, 'Days after which a request that was not seen again is forgotten.', {
      maximum: 3_650,
    }),
    synthesisRequestsMax: count(
      10_000,
      'Kinds of requests from which one policy is synthesised; further things are left out, and the answer says so.',
      { maximum: 100_000 },
    ),
    namesPerActionMax: count(
      128,
      'Topics and filters of one connection that are counted one by one between two writes, of each action; beyond that they are decided each time and sampled.',
      { minimum: 8, maximum: 65_536 },
    ),
    flushSeconds: count(300, 'Seconds after which what is new is written; a crash costs as much.', {
      maximum: 86_400,
    }),
  },
  'What things do, as it is kept for `policy synthesise`.',
);
