import type { UpdateLimits } from '../limits.ts';
import { type DelegatedRole, delegatedKeys, delegatedRoles, isOfItsProduct } from '../metadata/delegation.ts';
import { needsSecond } from '../metadata/second-signature.ts';
import { ok, type Refusal, type Step, type Unreachable } from './outcome.ts';
import type { ImageSet } from './refresh.ts';
import { type Target, targetOf } from './target.ts';
import { type TargetsFile, updateTargets } from './targets.ts';
import type { Workflow } from './workflow.ts';

/** What delegated lists offer beside the top-level one. */
export interface DelegatedLists {
  readonly targets: readonly Target[];
  /** Lists that could not be trusted: whatever they may speak for is not offered by anybody after them either. */
  readonly refused: readonly Refusal[];
}

export const noDelegatedLists: DelegatedLists = { targets: [], refused: [] };

export interface ListOptions {
  readonly limits: UpdateLimits;
  /** Only lists that may speak for paths of this product are read; all of them without it. */
  readonly product: string | undefined;
}

type Reach = (path: string) => boolean;

interface Walk extends ListOptions {
  readonly images: ImageSet;
  /** By path; the first who lists it wins. */
  readonly found: Map<string, Target>;
  /** Paths that nobody further on may speak for: those of terminating roles, and of roles that were refused. */
  readonly closed: Reach[];
  readonly refused: Refusal[];
  visits: number;
}

/**
 * TUF 5.6.7 for every path at once: delegated roles preorder and depth first, at most `rolesVisitedMax` in all. A role that
 * several delegate to is visited for each of them; one above itself is not visited again. Where the root demands second
 * signatures nothing is delegated: a list without one would let in exactly what the demand keeps out.
 */
export function* listDelegated(
  images: ImageSet,
  { limits, product }: ListOptions,
): Workflow<Step<DelegatedLists>> {
  if (needsSecond([images.root])) return ok(noDelegatedLists);
  const walk: Walk = { images, limits, product, found: new Map(), closed: [], refused: [], visits: 1 };
  const failed = yield* visitChildren(images.targets, { reach: () => true, above: [] }, walk);
  if (failed !== undefined) return failed;
  const offered = [...walk.found.values()].filter(isOfItsProduct);
  const top = images.targets.signed.targets;
  return ok({
    targets: offered.filter(({ path }) => !Object.hasOwn(top, path)),
    refused: walk.refused,
  });
}

interface At {
  readonly reach: Reach;
  readonly above: readonly string[];
}

function* visitChildren(parent: TargetsFile, at: At, walk: Walk): Workflow<Unreachable | undefined> {
  for (const role of delegatedRoles(parent.signed)) {
    if (at.above.includes(role.name) || !concerns(role, walk.product)) continue;
    if (walk.visits++ >= walk.limits.rolesVisitedMax) return undefined;
    const reach: Reach = (path) => role.isDelegatedPath(path) && at.reach(path);
    const failed = yield* visitRole(role, { parent, reach, above: [...at.above, role.name] }, walk);
    if (failed !== undefined) return failed;
    if (role.terminating) walk.closed.push(reach);
  }
  return undefined;
}

function* visitRole(
  { name }: DelegatedRole,
  { parent, ...at }: At & { readonly parent: TargetsFile },
  walk: Walk,
): Workflow<Unreachable | undefined> {
  const { snapshot, nowMs } = walk.images;
  const role = delegatedKeys(parent.signed, name);
  const context = { snapshot, role, delegator: 'its delegator', nowMs, limits: walk.limits };
  const file = yield* updateTargets(name, context);
  if (file.kind === 'unreachable') return file;
  if (file.kind === 'refused') {
    walk.refused.push(file);
    walk.closed.push(at.reach);
    return undefined;
  }
  for (const listed of Object.values(file.value.signed.targets)) {
    const { path } = listed;
    const isNew = !walk.found.has(path) && at.reach(path) && !walk.closed.some((reach) => reach(path));
    if (isNew) walk.found.set(path, targetOf(listed));
  }
  return yield* visitChildren(file.value, at, walk);
}

/** Whether a role may speak for any path that begins with the product, as releases in delegated lists do. */
function concerns({ paths }: DelegatedRole, product: string | undefined): boolean {
  if (product === undefined || paths === undefined) return true;
  return paths.some((pattern) => {
    const folder = pattern.split('/', 1).join();
    return folder === product || /[*?[\\]/.test(folder);
  });
}
