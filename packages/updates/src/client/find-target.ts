import type { UpdateLimits } from '../limits.ts';
import { delegatedKeys, isOfItsProduct } from '../metadata/delegation.ts';
import { needsSecond } from '../metadata/second-signature.ts';
import { type Refusal, refuse, type Unreachable } from './outcome.ts';
import type { ImageSet } from './refresh.ts';
import { type Target, targetOf } from './target.ts';
import { type TargetsFile, updateTargets } from './targets.ts';
import type { Workflow } from './workflow.ts';

export type FindOutcome =
  | { readonly kind: 'found'; readonly target: Target; readonly role: string }
  | { readonly kind: 'absent' }
  | Refusal
  | Unreachable;

interface Visit {
  readonly name: string;
  /** The role that delegates to it; the top-level role has none. */
  readonly parent?: TargetsFile;
}

/**
 * TUF 5.6.7: looks a target up, preorder and depth first, through at most `rolesVisitedMax` delegated roles. Where the root
 * demands second signatures, through none: see `listDelegated`.
 */
export function* findTargetWorkflow(
  path: string,
  { trusted, limits }: { readonly trusted: ImageSet; readonly limits: UpdateLimits },
): Workflow<FindOutcome> {
  let pending: readonly Visit[] = [{ name: 'targets' }];
  const visited = new Set<string>();
  while (visited.size < limits.rolesVisitedMax) {
    const [visit, ...rest] = pending;
    if (visit === undefined) return { kind: 'absent' };
    pending = rest;
    if (visited.has(visit.name)) continue; // TUF 5.6.7.1
    visited.add(visit.name);
    const file = yield* roleFile(visit, { trusted, limits });
    if (file.kind !== 'ok') return file;
    const target = own(file.value.signed.targets, path);
    if (target !== undefined) return foundIn(visit, targetOf(target));
    if (needsSecond([trusted.root])) return { kind: 'absent' };
    const children = childrenOf(file.value, path);
    pending = children.isFinal ? children.visits : [...children.visits, ...pending];
  }
  return { kind: 'absent' };
}

function foundIn({ name, parent }: Visit, target: Target): FindOutcome {
  if (parent === undefined || isOfItsProduct(target)) return { kind: 'found', target, role: name };
  const explanation = `the delegated role \`${name}\` lists it as a release of another product than its path begins with`;
  return refuse('5.6.7', { subject: target.path, reason: 'malformed', explanation });
}

function* roleFile(visit: Visit, { trusted, limits }: { trusted: ImageSet; limits: UpdateLimits }) {
  const { name, parent } = visit;
  if (parent === undefined) return { kind: 'ok' as const, value: trusted.targets };
  const { snapshot, nowMs } = trusted;
  const role = delegatedKeys(parent.signed, name);
  return yield* updateTargets(name, { snapshot, role, delegator: 'its delegator', nowMs, limits });
}

/** TUF 5.6.7.2: the roles that may speak for a path, in order; a terminating one ends every other branch. */
function childrenOf(parent: TargetsFile, path: string): { visits: readonly Visit[]; isFinal: boolean } {
  const visits: Visit[] = [];
  for (const { role, terminating } of parent.signed.delegations?.rolesForTarget(path) ?? []) {
    visits.push({ name: role, parent });
    if (terminating) return { visits, isFinal: true };
  }
  return { visits, isFinal: false };
}

function own<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
