import { parsePolicyName } from '@fleetward/core';
import type { AttachedPolicy } from '@fleetward/policy';
import {
  createGuardrail,
  listGuardrails,
  type Part,
  type propertySchema,
  provePolicies,
  removeGuardrail,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { PoliciesError } from './errors.ts';
import type { Guardrail, Guardrails } from './guardrails.ts';
import type { Policies } from './service.ts';

export function guardrailHandlers(policies: Policies): readonly RouteHandler[] {
  return [
    handle(createGuardrail, async ({ body, caller }) => {
      const { guardrailName, policyName, property } = body;
      const wanted = {
        name: guardrailName,
        policyName: policyName === undefined ? undefined : parsePolicyName(policyName),
        property,
      };
      return viewOf(await policies.requireProof(wanted, operatorActor(caller)), policies.guardrails);
    }),
    handle(listGuardrails, async () => ({
      guardrails: policies.guardrails.list().map((guardrail) => viewOf(guardrail, policies.guardrails)),
    })),
    handle(removeGuardrail, async ({ params, caller }) => {
      await policies.guardrails.remove(params.guardrailName, operatorActor(caller));
      return undefined;
    }),
    handle(provePolicies, async ({ body }) => {
      const proof = await policies.guardrails.prove(setOf(body, policies), body.property);
      return toAnswer(proof);
    }),
  ];
}

function viewOf(guardrail: Guardrail, { broken }: Guardrails) {
  const { name, policyName, property, createdAtMs } = guardrail;
  const found = broken.find((each) => each.guardrail === guardrail);
  return {
    guardrailName: name,
    ...(policyName === undefined ? {} : { policyName }),
    // A copy: what is answered is the answer's, lists included.
    property: structuredClone(property) as Part<typeof propertySchema>,
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
    isConfigured: createdAtMs === undefined,
    ...(found === undefined
      ? {}
      : { broken: { sets: found.sets, findings: found.findings.map(({ message }) => message) } }),
  };
}

function setOf(
  { policyNames = [], documents = [] }: Part<(typeof provePolicies)['body']>,
  policies: Policies,
): readonly AttachedPolicy[] {
  const stored = policyNames.map((name) => policies.inForce(parsePolicyName(name)));
  const given = documents.map(
    (text, index): AttachedPolicy => ({
      name: `document-${index + 1}`,
      versionId: 1,
      via: 'certificate',
      document: policies.parse(text).document,
    }),
  );
  if (stored.length + given.length > 0) return [...stored, ...given];
  throw new PoliciesError(
    'policies.invalid_request',
    'a proof is about something: give `policyNames` or `documents`',
  );
}

type Answer = Part<(typeof provePolicies)['answer']>;

function toAnswer(proof: Awaited<ReturnType<Policies['guardrails']['prove']>>): Answer {
  const { counterExample, assumptions, ...rest } = proof;
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
