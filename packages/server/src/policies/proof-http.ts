import { parsePolicyName } from '@fleetward/core';
import type { AttachedPolicy, DeadStatements, Patterns, PolicyDiff, Proof } from '@fleetward/policy';
import { diffPolicySets, findDeadStatements, type Part, provePolicies } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { PoliciesError } from './errors.ts';
import type { Policies } from './service.ts';

export function proofHandlers(policies: Policies): readonly RouteHandler[] {
  return [
    handle(provePolicies, async ({ body }) =>
      viewOfProof(await policies.guardrails.prove(someOf(body, policies), body.property)),
    ),
    handle(diffPolicySets, async ({ body }) => {
      const sides = { before: setOf(body.before, policies), now: setOf(body.now, policies) };
      return viewOfDiff(await policies.prover.work('diff', sides));
    }),
    handle(findDeadStatements, async ({ body }) =>
      viewOfDead(await policies.prover.work('dead', { policies: someOf(body, policies) })),
    ),
  ];
}

type Side = Part<(typeof findDeadStatements)['body']>;

function someOf(side: Side, policies: Policies): readonly AttachedPolicy[] {
  const set = setOf(side, policies);
  if (set.length > 0) return set;
  throw new PoliciesError(
    'policies.invalid_request',
    'a proof is about something: give `policyNames` or `documents`',
  );
}

function setOf({ policyNames = [], documents = [] }: Side, policies: Policies): readonly AttachedPolicy[] {
  const stored = policyNames.map((name) => policies.inForce(parsePolicyName(name)));
  const given = documents.map(
    (text, index): AttachedPolicy => ({
      name: `document-${index + 1}`,
      versionId: 1,
      via: 'certificate',
      document: policies.versions.parse(text).document,
    }),
  );
  return [...stored, ...given];
}

// Copies: what is answered is the answer's, lists included.

function viewOfProof({
  counterExample,
  assumptions,
  ...rest
}: Proof): Part<(typeof provePolicies)['answer']> {
  const requests =
    counterExample?.requests.map(({ context, ...request }) => ({ ...request, context: { ...context } })) ??
    [];
  return {
    ...rest,
    assumptions: [...assumptions],
    ...(counterExample === undefined
      ? {}
      : { counterExample: { summary: counterExample.summary, requests } }),
  };
}

function viewOfDiff({
  additions,
  assumptions,
  ...rest
}: PolicyDiff): Part<(typeof diffPolicySets)['answer']> {
  return {
    ...rest,
    assumptions: [...assumptions],
    additions: additions.map(({ actions, pattern, within, except, example }) => ({
      actions: [...actions],
      pattern: viewOfPatterns(pattern),
      ...(within === undefined ? {} : { within: viewOfPatterns(within) }),
      except: except.map((exception) => ({ ...viewOfPatterns(exception), effect: exception.effect })),
      example: { ...example, context: { ...example.context } },
    })),
  };
}

function viewOfPatterns({ scope, resources, when }: Patterns) {
  return { scope, resources: [...resources], when: [...when] };
}

function viewOfDead({
  dead,
  undecided,
  assumptions,
  ...rest
}: DeadStatements): Part<(typeof findDeadStatements)['answer']> {
  return {
    ...rest,
    assumptions: [...assumptions],
    dead: dead.map((statement) => ({ ...statement })),
    undecided: undecided.map((statement) => ({ ...statement })),
  };
}
