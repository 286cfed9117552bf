import type { Json, JsonObject } from '@fleetward/core';
import { Key, type Root } from '@tufjs/models';
import { formatLimits } from '../limits.ts';
import { invalid, isObject } from './envelope.ts';
import type { SignedFile } from './parse.ts';
import type { RoleKeys } from './threshold.ts';

/** Roles beyond TUF's own four that a root of ours may name. */
export type FurtherRoleName = 'director' | 'mldsa65';

/**
 * The member of a file's signed part that is ours alone. A client that does not know it keeps it under the signature and
 * reads on (TUF 4.2.1), so it disturbs no other client.
 */
export const ownMember = 'x-fleetward';

/**
 * The keys and threshold that a root gives to a role beyond TUF's four; `undefined` when it names none. They are in the
 * form of delegations (TUF 4.5), `keys` and `roles`, apart from the root's own keys: other clients refuse a root with a
 * key of a kind that is new to them.
 */
export function furtherRole({ json }: SignedFile<Root>, name: FurtherRoleName): RoleKeys | undefined {
  const roles = furtherRolesOf(json);
  return roles.get(name);
}

/** What a root says of further roles, all of it in bounds and of its form; throws `updates.metadata_invalid`. */
export function furtherRolesOf(json: JsonObject): ReadonlyMap<string, RoleKeys> {
  const own = json[ownMember];
  if (own === undefined) return new Map();
  if (!isObject(own)) throw invalid(`expected an object at \`${ownMember}\``);
  const keys = Object.fromEntries(entriesOf(own, 'keys').map(([id, key]) => [id, keyOf(id, key)]));
  return new Map(entriesOf(own, 'roles').map(([name, role]) => [name, roleOf(name, { role, keys })]));
}

function entriesOf(own: JsonObject, member: 'keys' | 'roles'): readonly (readonly [string, Json])[] {
  const table = own[member];
  if (!isObject(table)) throw invalid(`expected an object at \`${ownMember}.${member}\``);
  const entries = Object.entries(table);
  const max = member === 'keys' ? formatLimits.keysMax : formatLimits.rolesMax;
  if (entries.length > max) throw invalid(`more than ${max} ${ownMember} ${member}`);
  return entries;
}

function keyOf(id: string, key: Json): Key {
  if (!isObject(key)) throw invalid(`expected an object at \`${ownMember}.keys\``);
  // The model's type is mutable; it does not change its input.
  return Key.fromJSON(id, key as Parameters<typeof Key.fromJSON>[1]);
}

function roleOf(name: string, { role, keys }: { role: Json; keys: RoleKeys['keys'] }): RoleKeys {
  const { keyids, threshold } = isObject(role) ? role : {};
  const isList = Array.isArray(keyids) && keyids.length <= formatLimits.keysMax;
  if (!isList || !keyids.every((id) => typeof id === 'string'))
    throw invalid(`the role \`${name.slice(0, 64)}\` needs up to ${formatLimits.keysMax} \`keyids\``);
  if (typeof threshold !== 'number' || !Number.isSafeInteger(threshold) || threshold < 1)
    throw invalid('`threshold` must be a positive integer');
  return { keys, keyIDs: keyids, threshold };
}
