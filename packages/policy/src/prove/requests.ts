import { type PolicyAction, resourceTypeOf } from '../actions.ts';
import type { PrincipalContext } from '../context.ts';
import { decideRequest } from '../decide-request.ts';
import type { Decision } from '../decision.ts';
import type { PolicyBinding } from '../document.ts';
import { parsePolicyRequest } from '../parse-request.ts';
import type { PolicySet } from './clauses.ts';
import { contextOf, type Facts } from './facts.ts';

/** A request in the form that `fleetward policy decide` reads. */
export interface WrittenRequest {
  readonly action: PolicyAction;
  readonly resource: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** The time of the request, where a condition looks at it; `decide` then needs it beside the request. */
  readonly nowMs?: number;
}

export function writeRequest(
  action: PolicyAction,
  name: string,
  { facts, binding }: { readonly facts: Facts; readonly binding: PolicyBinding },
): WrittenRequest {
  const type = resourceTypeOf(action);
  const resource =
    type === 'none' ? '*' : `arn:aws:iot:${binding.region}:${binding.accountId}:${type}/${name}`;
  const at = facts.nowMs === undefined ? {} : { nowMs: facts.nowMs };
  return { action, resource, context: writtenContext(contextOf(facts), facts), ...at };
}

function writtenContext({ thing, ...rest }: PrincipalContext, { association }: Facts) {
  if (thing === undefined) return rest;
  const { name, typeName, attributes = {} } = thing;
  return {
    ...rest,
    thing: {
      name,
      ...(typeName === undefined ? {} : { type: typeName }),
      ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
      ...(association === 'exclusive' ? { exclusive: true } : {}),
    },
  };
}

/** The decision on the request as it is written: it is read again, as `policy decide` reads it. */
export function decideWritten(
  policies: PolicySet,
  { action, resource, context, nowMs }: WrittenRequest,
): Decision {
  const request = parsePolicyRequest(JSON.stringify({ action, resource, context }));
  return decideRequest(policies, { ...request, ...(nowMs === undefined ? {} : { nowMs }) });
}
