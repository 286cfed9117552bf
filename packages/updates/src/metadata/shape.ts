import type { MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import { formatLimits } from '../limits.ts';
import { invalid } from './envelope.ts';
import { isTargetPath } from './target-path.ts';

/** The rules the model leaves open, for a root: consistent snapshots only, whole thresholds, bounded key lists. */
export function assertRoot(root: Root): void {
  assertCommon(root);
  if (!root.consistentSnapshot) throw invalid('`consistent_snapshot` must be true');
  for (const role of Object.values(root.roles)) assertRole(role);
}

export function assertTimestamp(timestamp: Timestamp): void {
  assertCommon(timestamp);
  assertMetaFile('snapshot.json', timestamp.snapshotMeta);
}

export function assertSnapshot(snapshot: Snapshot): void {
  assertCommon(snapshot);
  for (const [name, file] of Object.entries(snapshot.meta)) assertMetaFile(name, file);
}

export function assertTargets(targets: Targets): void {
  assertCommon(targets);
  for (const [path, file] of Object.entries(targets.targets)) assertTargetFile(path, file);
  const { roles, succinctRoles } = targets.delegations ?? {};
  if (succinctRoles !== undefined) assertRole(succinctRoles);
  for (const [name, role] of Object.entries(roles ?? {})) {
    assertRole(role);
    assertRoleName(name);
    for (const pattern of role.paths ?? []) assertPattern(pattern);
  }
}

function assertCommon({ version, expires }: { readonly version: number; readonly expires: string }): void {
  if (!isPositive(version)) throw invalid('`version` must be a positive integer');
  // TUF 4.2.1: this one form, in UTC.
  const isForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(expires);
  if (!isForm || Number.isNaN(Date.parse(expires))) throw invalid('`expires` must read YYYY-MM-DDTHH:MM:SSZ');
}

function assertRole({
  threshold,
  keyIDs,
}: {
  readonly threshold: number;
  readonly keyIDs: readonly string[];
}): void {
  if (!isPositive(threshold)) throw invalid('`threshold` must be a positive integer');
  if (keyIDs.length > formatLimits.keysMax)
    throw invalid(`more than ${formatLimits.keysMax} key ids in a role`);
}

function assertRoleName(name: string): void {
  if (name.length < 1 || name.length > 128) throw invalid('a delegated role name has 1 to 128 characters');
  // JavaScript moves such names to the front of an object: the order of trust would change.
  if (/^\d+$/.test(name)) throw invalid('a delegated role name must not be a number');
}

/**
 * TUF 4.5: shell-style wildcards. Braces, extended globs and many stars would let a short pattern cost much to match.
 */
function assertPattern(pattern: string): void {
  const isPlain = pattern.length <= formatLimits.pathCharactersMax && !/[{}()!]/.test(pattern);
  const isCheap = pattern.split('/').every((segment) => segment.split('*').length <= 4);
  if (!isPlain || !isCheap)
    throw invalid('a path pattern is short, uses `*`, `?` and `[…]` only, and 3 `*` a segment');
}

function assertMetaFile(name: string, { version, length, hashes }: MetaFile): void {
  if (!isPositive(version)) throw invalid(`\`${name}\` needs a positive integer version`);
  if (length !== undefined && !isPositive(length)) throw invalid(`\`${name}\` needs a positive length`);
  if (hashes !== undefined) assertSha256(name, hashes);
}

function assertTargetFile(path: string, { length, hashes }: TargetFile): void {
  if (!isTargetPath(path)) throw invalid('a target path is relative, without empty, `.` or `..` segments');
  if (!Number.isSafeInteger(length)) throw invalid(`\`${path}\` needs a whole length`);
  assertSha256(path, hashes);
}

function assertSha256(name: string, hashes: Readonly<Record<string, string>>): void {
  const isHex = /^[0-9a-f]{64}$/.test(hashes.sha256 ?? '');
  if (!isHex) throw invalid(`\`${name}\` needs a sha256 in lower-case hex`);
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
