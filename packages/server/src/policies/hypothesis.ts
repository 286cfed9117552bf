import type { Clock } from '@fleetward/core';
import {
  type AttachedPolicy,
  compilePrincipal,
  type Decision,
  explainDecision,
  isPolicyAction,
  type NearestMiss,
  type PolicyAction,
  type PolicyBinding,
  type PrincipalContext,
  resourceTypeOf,
} from '@fleetward/policy';
import type { Part, testPolicy } from '@fleetward/protocol';
import { PoliciesError } from './errors.ts';

/** A request as an operator writes it: the resource is an ARN, or its tail such as `topic/a/b`. */
export interface HypotheticalRequest {
  readonly action: string;
  readonly resource: string;
}

export type HypotheticalResult = Part<(typeof testPolicy)['answer']>['results'][number];

/**
 * Decides requests as the gateway would, performing none. Throws `policies.invalid_request` for an action that does not exist or a
 * resource that is not of the action's type.
 */
export function decideHypothetically(
  requests: readonly HypotheticalRequest[],
  principal: {
    readonly policies: readonly AttachedPolicy[];
    readonly context: PrincipalContext;
    readonly binding: PolicyBinding;
    readonly clock: Clock;
  },
): readonly HypotheticalResult[] {
  const compiled = compilePrincipal(principal.policies, principal.context);
  const nowMs = principal.clock.now();
  return requests.map((request) => {
    const action = parseAction(request.action);
    const decision = compiled.decide(
      action,
      parseResourceName(action, request.resource, principal.binding),
      nowMs,
    );
    return { ...request, ...answerOf(decision), explanation: explainDecision(decision) };
  });
}

function answerOf(decision: Decision): Omit<HypotheticalResult, keyof HypotheticalRequest | 'explanation'> {
  if (decision.kind === 'implicitDeny') {
    const { kind, nearest } = decision;
    return { decision: kind, ...(nearest === undefined ? {} : { nearest: nearestOf(nearest) }) };
  }
  const { kind, statement, pattern, variables } = decision;
  const reasons = { decision: kind, statement, pattern, variables: [...variables] };
  return kind === 'allow' ? reasons : { ...reasons, unresolved: [...decision.unresolved] };
}

function nearestOf(miss: NearestMiss): NonNullable<HypotheticalResult['nearest']> {
  switch (miss.kind) {
    case 'condition': {
      const { actual, ...rest } = miss;
      const found = actual === undefined ? {} : { actual: [...actual] };
      return { ...rest, ...found, expected: [...miss.expected] };
    }
    case 'unresolved':
      return { ...miss, variables: [...miss.variables] };
    case 'variable':
    case 'resource':
      return miss;
  }
}

function parseAction(text: string): PolicyAction {
  const action = text.startsWith('iot:') ? text : `iot:${text}`;
  if (isPolicyAction(action)) return action;
  throw new PoliciesError(
    'policies.invalid_request',
    `\`${text.slice(0, 64)}\` is not an action of a device policy`,
  );
}

function parseResourceName(action: PolicyAction, resource: string, binding: PolicyBinding): string {
  const type = resourceTypeOf(action);
  const tail = resource.startsWith('arn:') ? tailOfArn(resource, binding) : resource;
  if (type === 'none') return tail;
  if (tail.startsWith(`${type}/`) && tail.length > type.length + 1) return tail.slice(type.length + 1);
  throw new PoliciesError(
    'policies.invalid_request',
    `\`${action}\` is decided on \`${type}/…\`, not on \`${resource.slice(0, 128)}\``,
  );
}

function tailOfArn(arn: string, binding: PolicyBinding): string {
  const [, , service, region, accountId] = arn.split(':', 5);
  if (service === 'iot' && region === binding.region && accountId === binding.accountId) {
    return arn.split(':').slice(5).join(':');
  }
  throw new PoliciesError(
    'policies.invalid_request',
    `\`${arn.slice(0, 128)}\` is not of this platform: expected \`arn:aws:iot:${binding.region}:${binding.accountId}:…\``,
  );
}
