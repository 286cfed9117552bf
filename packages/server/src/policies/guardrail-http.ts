import { parsePolicyName } from '@fleetward/core';
import {
  createGuardrail,
  listGuardrails,
  type Part,
  type propertySchema,
  removeGuardrail,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
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
