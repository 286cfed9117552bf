import { equalBytes, type JsonObject, type Sha256 } from '@fleetward/core';
import type { Targets } from '@tufjs/models';
import { rootRole } from '../client/root.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { delegatedKeys, delegatedRoles, isProductRoleName, productPaths } from '../metadata/delegation.ts';
import { furtherRole, ownMember } from '../metadata/further-roles.ts';
import { spkiOfTufKey, tufKeyFromSpki } from '../metadata/key.ts';
import { parseRoot, parseTargets, type SignedFile } from '../metadata/parse.ts';
import { mldsa65KeyFromSpki, spkiOfMldsa65Key } from '../metadata/second-signature.ts';
import { specVersion, tufTime, unsignedBytes } from '../metadata/sign.ts';
import type { RoleKeys } from '../metadata/threshold.ts';

/** Public keys (SubjectPublicKeyInfo, DER) of one role, and how many of them must sign. */
export interface RoleAssignment {
  readonly publicKeys: readonly Uint8Array[];
  readonly threshold: number;
}

export interface RootRoles {
  readonly root: RoleAssignment;
  readonly targets: RoleAssignment;
  readonly snapshot: RoleAssignment;
  readonly timestamp: RoleAssignment;
  /** Who instructs each device by itself; a root that names nobody leaves the choice to the devices. */
  readonly director?: RoleAssignment;
  /** ML-DSA-65 keys that must sign root and targets a second time; a root that names none asks for none. */
  readonly mldsa65?: RoleAssignment;
}

export interface RootDraft {
  readonly version: number;
  /** Unix milliseconds; written in whole seconds. */
  readonly expiresMs: number;
  readonly roles: RootRoles;
}

/** A file to be offered; `describeTarget` makes one from its bytes. */
export interface NewTarget {
  readonly path: string;
  readonly length: number;
  readonly sha256: Sha256;
  readonly custom: JsonObject;
}

/** An unsigned root with the given roles; consistent snapshots are always on (TUF 4.3). */
export function draftRoot({ version, expiresMs, roles }: RootDraft): Uint8Array {
  const { director, mldsa65, ...ofTuf } = roles;
  const own = [
    ...(director ? [rolePart('director', apartFrom(roles, director))] : []),
    ...(mldsa65 ? [rolePart('mldsa65', mldsa65, mldsa65KeyFromSpki)] : []),
  ];
  const bytes = unsignedBytes({
    _type: 'root',
    spec_version: specVersion,
    version,
    expires: tufTime(expiresMs),
    consistent_snapshot: true,
    ...rolesPart(Object.entries(ofTuf).map(([name, assignment]) => rolePart(name, assignment))),
    ...(own.length > 0 && { [ownMember]: rolesPart(own) }),
  });
  return parseRoot(bytes, defaultLimits.rootBytesMax).bytes;
}

/** `keys` and `roles`, as TUF has them in roots. */
function rolesPart(parts: readonly ReturnType<typeof rolePart>[]) {
  return {
    keys: Object.fromEntries(parts.flatMap(({ keys }) => keys.map((key) => [key.keyID, key.toJSON()]))),
    roles: Object.fromEntries(parts.map(({ name, role }) => [name, role])),
  };
}

/** The director signs on line: with a key of root or targets, whoever has the server would have those too. */
function apartFrom({ root, targets }: RootRoles, director: RoleAssignment): RoleAssignment {
  const offline = [...root.publicKeys, ...targets.publicKeys];
  const isShared = director.publicKeys.some((key) => offline.some((other) => equalBytes(key, other)));
  if (!isShared) return director;
  const message = 'the director is given a key of root or targets: it signs on line and needs one of its own';
  throw new UpdatesError('updates.repository_invalid', message);
}

/** An unsigned, empty top-level targets file. */
export function draftTargets({
  version,
  expiresMs,
}: {
  readonly version: number;
  readonly expiresMs: number;
}): Uint8Array {
  const expires = tufTime(expiresMs);
  const bytes = unsignedBytes({ _type: 'targets', spec_version: specVersion, version, expires, targets: {} });
  return parseTargets(bytes, defaultLimits.targetsBytesMax).bytes;
}

/** The same targets as the next version, unsigned, with one target added or replaced. */
export function addTarget(
  targets: Uint8Array,
  { target, expiresMs }: { readonly target: NewTarget; readonly expiresMs: number },
): Uint8Array {
  return changeTargets(targets, { remove: [], add: [target], expiresMs });
}

/** The same targets as the next version, unsigned, without these; none, to set a new end alone. */
export function removeTargets(
  targets: Uint8Array,
  { paths, expiresMs }: { readonly paths: readonly string[]; readonly expiresMs: number },
): Uint8Array {
  const table = tableOf(parseTargets(targets, defaultLimits.targetsBytesMax));
  const unknown = paths.find((path) => !Object.hasOwn(table, path));
  if (unknown !== undefined)
    throw new UpdatesError('updates.target_invalid', `there is no target \`${unknown}\``);
  return changeTargets(targets, { remove: paths, add: [], expiresMs });
}

/** The next version, unsigned: first without some targets, whether they are there or not, then with others. */
export function changeTargets(
  targets: Uint8Array,
  change: {
    readonly remove: readonly string[];
    readonly add: readonly NewTarget[];
    readonly expiresMs: number;
  },
): Uint8Array {
  const file = parseTargets(targets, defaultLimits.targetsBytesMax);
  const kept = Object.entries(tableOf(file)).filter(([path]) => !change.remove.includes(path));
  const added = change.add.map(({ path, length, sha256, custom }) => [
    path,
    { length, hashes: { sha256 }, ...(Object.keys(custom).length > 0 && { custom }) },
  ]);
  const table = Object.fromEntries([...kept, ...added]);
  return nextTargets(file, { table, expiresMs: change.expiresMs });
}

/**
 * The same targets as the next version, unsigned, with the paths of a product delegated to these keys, or with `undefined` to nobody any
 * more. A product that is delegated already keeps its place.
 */
export function delegateProduct(
  targets: Uint8Array,
  change: {
    readonly product: string;
    readonly role: RoleAssignment | undefined;
    readonly expiresMs: number;
  },
): Uint8Array {
  const { product, role, expiresMs } = change;
  if (!isProductRoleName(product)) {
    const expected = '1 to 64 of a-z 0-9 _ -, not a number, and no role of TUF';
    const message = `\`${product.slice(0, 64)}\` is no product to delegate: expected ${expected}`;
    throw new UpdatesError('updates.target_invalid', message);
  }
  const file = parseTargets(targets, defaultLimits.targetsBytesMax);
  const roles = new Map(delegationsOf(file.signed));
  if (role === undefined && !roles.delete(product))
    throw new UpdatesError('updates.target_invalid', `\`${product}\` is not delegated`);
  if (role !== undefined) roles.set(product, role);
  return nextTargets(file, { table: tableOf(file), expiresMs, delegations: delegationsPart(roles) });
}

/** Who signs for which product, in the order of their trust. */
export function delegationsOf(signed: Targets): ReadonlyMap<string, RoleAssignment> {
  const names = delegatedRoles(signed).map(({ name }) => name);
  return new Map(names.map((name) => [name, assignmentOf(delegatedKeys(signed, name))]));
}

function delegationsPart(roles: ReadonlyMap<string, RoleAssignment>) {
  if (roles.size === 0) return undefined;
  const parts = [...roles].map(([name, assignment]) => rolePart(name, assignment));
  return {
    keys: Object.fromEntries(parts.flatMap(({ keys }) => keys.map((key) => [key.keyID, key.toJSON()]))),
    roles: parts.map(({ name, role }) => ({ name, ...role, paths: productPaths(name), terminating: true })),
  };
}

/** The roles of a root as a draft takes them. */
export function rolesOfRoot(root: Uint8Array): RootRoles {
  const file = parseRoot(root, defaultLimits.rootBytesMax);
  const director = furtherRole(file, 'director');
  const mldsa65 = furtherRole(file, 'mldsa65');
  return {
    root: assignmentOf(rootRole(file.signed, 'root')),
    targets: assignmentOf(rootRole(file.signed, 'targets')),
    snapshot: assignmentOf(rootRole(file.signed, 'snapshot')),
    timestamp: assignmentOf(rootRole(file.signed, 'timestamp')),
    ...(director && { director: assignmentOf(director) }),
    ...(mldsa65 && { mldsa65: assignmentOf(mldsa65, spkiOfMldsa65Key) }),
  };
}

function assignmentOf(role: RoleKeys | undefined, spkiOf = spkiOfTufKey): RoleAssignment {
  const { keys = {}, keyIDs = [], threshold = 0 } = role ?? {};
  const named = keyIDs.map((id) => keys[id]).filter((key) => key !== undefined);
  return { threshold, publicKeys: named.map(spkiOf) };
}

function rolePart(name: string, { publicKeys, threshold }: RoleAssignment, keyOf = tufKeyFromSpki) {
  const keys = publicKeys.map(keyOf);
  const keyids = [...new Set(keys.map((key) => key.keyID))];
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > keyids.length) {
    const found = `a threshold of ${threshold} with ${keyids.length} different keys`;
    throw new UpdatesError(
      'updates.repository_invalid',
      `the role \`${name}\` has ${found}: no one could sign it`,
    );
  }
  return { name, keys, role: { keyids, threshold } };
}

function tableOf({ json }: SignedFile<Targets>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(json.targets ?? {}));
}

function nextTargets(
  { json, signed }: SignedFile<Targets>,
  change: {
    readonly table: Readonly<Record<string, unknown>>;
    readonly expiresMs: number;
    /** Those that it has, where this says nothing. */
    readonly delegations?: ReturnType<typeof delegationsPart>;
  },
): Uint8Array {
  const next = { version: signed.version + 1, expires: tufTime(change.expiresMs), targets: change.table };
  const { delegations, ...rest } = json;
  const kept = 'delegations' in change ? change.delegations : delegations;
  const bytes = unsignedBytes({ ...rest, ...next, ...(kept !== undefined && { delegations: kept }) });
  return parseTargets(bytes, defaultLimits.targetsBytesMax).bytes; // what we write we can read
}
