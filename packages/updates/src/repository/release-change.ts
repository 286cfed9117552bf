import { canonicalJson, equalBytes, type Json, type JsonObject } from '@fleetward/core';
import type { Targets } from '@tufjs/models';
import { type RootFile, rootRole } from '../client/root.ts';
import { type Target, targetOf } from '../client/target.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { delegatedKeys, delegatedRoles } from '../metadata/delegation.ts';
import { furtherRolesOf } from '../metadata/further-roles.ts';
import { parseRoot, parseTargets, type SignedFile } from '../metadata/parse.ts';
import { countSignatures, type RoleKeys } from '../metadata/threshold.ts';
import { productListName, signedProductListName } from './product-lists.ts';
import { type ReleaseFolder, readNewest, signedTargetsName } from './release-folder.ts';
import { followRoots } from './root-chain.ts';

/** What a signature on the newest files of a folder would vouch for anew; what is trusted already is left out. */
export interface ReleaseChange {
  readonly root?: RootChange;
  readonly targets?: TargetsChange;
  /** Lists of products that are delegated, by product. */
  readonly delegated?: Readonly<Record<string, TargetsChange>>;
}

export interface RootChange {
  readonly version: number;
  readonly expires: string;
  /** Roles whose keys or threshold differ. */
  readonly roles: readonly RoleChange[];
}

export interface RoleChange {
  readonly role: string;
  /** Key ids. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly threshold: number;
  readonly thresholdBefore?: number;
}

export interface TargetsChange {
  readonly version: number;
  /** Of the list it is compared with, which whoever prepared the folder chose among all that were ever complete. */
  readonly versionBefore?: number;
  readonly expires: string;
  readonly added: readonly Target[];
  readonly removed: readonly Target[];
  readonly changed: readonly { readonly before: Target; readonly after: Target }[];
  /** What else of the list differs, such as `delegations`, which let other keys speak; without `after` it is gone. */
  readonly others: readonly { readonly member: string; readonly after?: Json }[];
  /** Products whose keys or threshold differ; one with a threshold of 0 is delegated no more. */
  readonly delegations: readonly RoleChange[];
}

/**
 * Compares the newest files with what `trustedRoot` leads to: the newest root its chain reaches, and the list that a
 * threshold of that root's keys signed last. Whoever prepared the folder chose everything in it, so without a root of
 * one's own nothing is taken for known and all of it is new.
 */
export async function describeChange(
  folder: ReleaseFolder,
  trustedRoot?: Uint8Array,
): Promise<ReleaseChange> {
  const known = trustedRoot === undefined ? undefined : await knownRoot(folder, trustedRoot);
  const root = parseRoot(await readNewest(folder, 'root.json'), defaultLimits.rootBytesMax);
  const targets = parseTargets(await readNewest(folder, 'targets.json'), defaultLimits.targetsBytesMax);
  const before = known && (await signedTargets(folder, known));
  const delegated = await productChanges(folder, { targets: targets.signed, before: before?.signed });
  return {
    ...(Object.keys(delegated).length > 0 && { delegated }),
    ...(!isSame(root, known) && { root: rootChange(root, known) }),
    ...(!isSame(targets, before) && { targets: targetsChange(targets, before) }),
  };
}

/** Each list against the one that was complete last, if the keys that the known list delegated to say so. */
async function productChanges(
  folder: ReleaseFolder,
  { targets, before }: { readonly targets: Targets; readonly before: Targets | undefined },
): Promise<Readonly<Record<string, TargetsChange>>> {
  const changes: [string, TargetsChange][] = [];
  for (const { name } of delegatedRoles(targets)) {
    const newest = await folder.read(productListName(name));
    if (newest === undefined) continue; // signing and verifying refuse that; what there is to see is the delegation
    const list = parseTargets(newest, defaultLimits.targetsBytesMax);
    const role = before && delegatedKeys(before, name);
    const known = await completeList(folder, { name: signedProductListName(name), role });
    if (!isSame(list, known)) changes.push([name, targetsChange(list, known)]);
  }
  return Object.fromEntries(changes);
}

async function knownRoot(folder: ReleaseFolder, trusted: Uint8Array): Promise<RootFile> {
  const chain = await followRoots(folder, trusted);
  if (chain.kind === 'ok') return chain.value.newest;
  throw new UpdatesError('updates.repository_invalid', `the trusted root is none: ${chain.explanation}`);
}

/** The list that was complete last, if this root's keys say so: the file itself may be anybody's. */
async function signedTargets(
  folder: ReleaseFolder,
  root: RootFile,
): Promise<SignedFile<Targets> | undefined> {
  return completeList(folder, { name: signedTargetsName, role: rootRole(root.signed, 'targets') });
}

async function completeList(
  folder: ReleaseFolder,
  { name, role }: { readonly name: string; readonly role: RoleKeys | undefined },
): Promise<SignedFile<Targets> | undefined> {
  const bytes = await folder.read(name);
  if (bytes === undefined || role === undefined) return undefined;
  const file = parseTargets(bytes, defaultLimits.targetsBytesMax);
  return countSignatures(file, role).isMet ? file : undefined;
}

function isSame(file: SignedFile<unknown>, before: SignedFile<unknown> | undefined): boolean {
  return before !== undefined && equalBytes(file.canonical, before.canonical);
}

function rootChange(root: RootFile, before: RootFile | undefined): RootChange {
  const [now, then] = [allRoles(root), before && allRoles(before)];
  return { version: root.signed.version, expires: root.signed.expires, roles: roleChanges(now, then) };
}

function roleChanges(
  now: ReadonlyMap<string, RoleKeys>,
  then: ReadonlyMap<string, RoleKeys> | undefined,
): readonly RoleChange[] {
  const names = [...new Set([...now.keys(), ...(then?.keys() ?? [])])];
  const roles = names.map((role) => roleChange(role, now.get(role), then?.get(role)));
  const isChange = ({ added, removed, threshold, thresholdBefore }: RoleChange) =>
    added.length > 0 || removed.length > 0 || threshold !== thresholdBefore;
  return roles.filter(isChange);
}

function allDelegations(targets: Targets): ReadonlyMap<string, RoleKeys> {
  return new Map(
    delegatedRoles(targets).flatMap(({ name }) => {
      const role = delegatedKeys(targets, name);
      return role === undefined ? [] : [[name, role]];
    }),
  );
}

/** TUF's roles and the further ones that our roots may name. */
function allRoles(root: RootFile): ReadonlyMap<string, RoleKeys> {
  const { roles, keys } = root.signed;
  const own = Object.entries(roles).map(
    ([name, { keyIDs, threshold }]) => [name, { keys, keyIDs, threshold }] as const,
  );
  return new Map<string, RoleKeys>([...own, ...furtherRolesOf(root.json)]);
}

function roleChange(role: string, now: RoleKeys | undefined, then: RoleKeys | undefined): RoleChange {
  const [ids, idsBefore] = [now?.keyIDs ?? [], then?.keyIDs ?? []];
  return {
    role,
    // An id may stay while its key changes.
    added: ids.filter((id) => !idsBefore.includes(id) || keyText(now, id) !== keyText(then, id)),
    removed: idsBefore.filter((id) => !ids.includes(id)),
    threshold: now?.threshold ?? 0,
    ...(then && { thresholdBefore: then.threshold }),
  };
}

function keyText(role: RoleKeys | undefined, id: string): string {
  return canonicalJson(role?.keys[id]?.toJSON() ?? null);
}

function targetsChange(file: SignedFile<Targets>, before: SignedFile<Targets> | undefined): TargetsChange {
  const now = Object.values(file.signed.targets).map(targetOf);
  const then = new Map(Object.values(before?.signed.targets ?? {}).map((old) => [old.path, targetOf(old)]));
  const paths = new Set(now.map(({ path }) => path));
  return {
    version: file.signed.version,
    ...(before && { versionBefore: before.signed.version }),
    expires: file.signed.expires,
    delegations: roleChanges(allDelegations(file.signed), before && allDelegations(before.signed)),
    added: now.filter(({ path }) => !then.has(path)),
    removed: [...then.values()].filter(({ path }) => !paths.has(path)),
    changed: now.flatMap((after) => {
      const old = then.get(after.path);
      return old === undefined || isSameTarget(old, after) ? [] : [{ before: old, after }];
    }),
    others: otherChanges(file.json, before?.json ?? {}),
  };
}

/** Shown by themselves, or the same in every list. */
const shownMembers: readonly string[] = ['_type', 'spec_version', 'version', 'expires', 'targets'];

function otherChanges(now: JsonObject, then: JsonObject): TargetsChange['others'] {
  const members = [...new Set([...Object.keys(now), ...Object.keys(then)])];
  return members
    .filter((member) => !shownMembers.includes(member))
    .filter((member) => canonicalJson(now[member] ?? null) !== canonicalJson(then[member] ?? null))
    .map((member) => ({ member, ...(now[member] !== undefined && { after: now[member] }) }));
}

function isSameTarget(a: Target, b: Target): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
