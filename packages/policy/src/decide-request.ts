import { expandAction, isPolicyAction, resourceTypeOf } from './actions.ts';
import { parseRequestArn } from './arn.ts';
import { compilePrincipal } from './compile.ts';
import type { AttachedPolicy } from './compile-statement.ts';
import type { PrincipalContext } from './context.ts';
import type { Decision } from './decision.ts';
import type { PolicyBinding } from './document.ts';
import { PolicyError } from './errors.ts';
import { shown } from './issues.ts';

/** A request on paper: `resource` is a full ARN, or `*` for an action without a single resource. */
export interface PolicyRequest {
  readonly action: string;
  readonly resource: string;
  readonly context: PrincipalContext;
  readonly nowMs?: number;
}

/**
 * Decides one request without a server. The ARN gives region and account to policies parsed `unbound`; a resource of
 * another type than the action's is never matched. Throws `policy.request` for an action or resource that does not exist.
 */
export function decideRequest(policies: readonly AttachedPolicy[], request: PolicyRequest): Decision {
  const { action, resource, nowMs } = request;
  if (!isPolicyAction(action) || expandAction(action).length !== 1) {
    throw new PolicyError(
      'policy.request',
      `the action ${shown(action)} is unknown; expected one such as \`iot:Publish\``,
    );
  }
  const target = readTarget(resource, request.context);
  if (target.type !== resourceTypeOf(action)) return { kind: 'implicitDeny', action, name: target.name };
  const here = policies.filter(({ document }) => isFor(document.binding, target.binding));
  const principal = compilePrincipal(here, { ...request.context, binding: target.binding });
  return principal.decide(action, target.name, nowMs);
}

function readTarget(resource: string, context: PrincipalContext) {
  if (resource !== '*') return parseRequestArn(resource);
  const binding = context.binding ?? { region: 'REGION', accountId: 'ACCOUNT_ID' };
  return { binding, type: 'none', name: '*' };
}

/** A platform's policies say nothing about resources elsewhere: nothing allows those. */
function isFor(bound: PolicyBinding | 'unbound', requested: PolicyBinding): boolean {
  return (
    bound === 'unbound' || (bound.region === requested.region && bound.accountId === requested.accountId)
  );
}
