import { expandAction, isPolicyAction, resourceTypeOf } from './actions.ts';
import { parseRequestArn } from './arn.ts';
import type { AttachedPolicy } from './attached-policy.ts';
import { compilePrincipal } from './compile.ts';
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
  const target = readTarget(resource);
  if (target.type !== resourceTypeOf(action)) return { kind: 'implicitDeny', action, name: target.name };
  const here = policies.filter(({ document }) => isFor(document.binding, target.binding));
  const binding = target.binding ?? request.context.binding ?? NOWHERE;
  return compilePrincipal(here, { ...request.context, binding }).decide(action, target.name, nowMs);
}

/** The resource `*` names no region and no account: only entries that name none either are about it. */
const NOWHERE: PolicyBinding = { region: '', accountId: '' };

interface Target {
  readonly binding?: PolicyBinding;
  readonly type: string;
  readonly name: string;
}

function readTarget(resource: string): Target {
  return resource === '*' ? { type: 'none', name: '*' } : parseRequestArn(resource);
}

/** A platform's policies say nothing about resources elsewhere: nothing allows those. */
function isFor(bound: PolicyBinding | 'unbound', requested: PolicyBinding | undefined): boolean {
  if (bound === 'unbound' || requested === undefined) return true;
  return bound.region === requested.region && bound.accountId === requested.accountId;
}
