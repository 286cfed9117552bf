import type { Root } from '@tufjs/models';
import { directorName } from '../director/verify-instruction.ts';
import type { UpdateLimits } from '../limits.ts';
import { furtherRole } from '../metadata/further-roles.ts';
import { parseRoot, type SignedFile } from '../metadata/parse.ts';
import { metadataFilePath } from '../metadata/target-path.ts';
import type { RoleKeys } from '../metadata/threshold.ts';
import { ok, refuse, type Step } from './outcome.ts';
import { secondSigned } from './second.ts';
import { fetchFile, load, notExpired, parsed, remove, signedBy, store, type Workflow } from './workflow.ts';

export type RootFile = SignedFile<Root>;

/** TUF 5.2 and 5.3: loads the trusted root and follows the chain of its successors. */
export function* updateRoot(nowMs: number, limits: UpdateLimits): Workflow<Step<RootFile>> {
  const trusted = yield* loadTrustedRoot(limits);
  if (trusted.kind !== 'ok') return trusted;
  let root = trusted.value;
  for (let rotations = 0; rotations < limits.rootRotationsMax; rotations++) {
    const next = yield* fetchNextRoot(root, limits);
    if (next.kind !== 'ok') return next;
    if (next.value === undefined) break; // TUF 5.3.3: none is newer
    yield* replaceRoot(root, next.value);
    root = next.value;
  }
  return notExpired(root, { step: '5.3.10', subject: 'root', nowMs }); // only the last root's expiry counts
}

/** TUF 5.2. A trusted root may have expired: its successors may still be fetched. */
function* loadTrustedRoot(limits: UpdateLimits): Workflow<Step<RootFile>> {
  const bytes = yield* load('root');
  if (bytes === undefined) {
    const explanation = 'the trusted store holds no root; install one at enrolment';
    return refuse('5.2', { subject: 'root', reason: 'no-trusted-root', explanation });
  }
  return parseSelfSigned(bytes, { step: '5.2', bytesMax: limits.rootBytesMax });
}

/** Parses a root and checks that a threshold of its own root keys signed it. */
export function parseSelfSigned(
  bytes: Uint8Array,
  { step, bytesMax }: { readonly step: string; readonly bytesMax: number },
): Step<RootFile> {
  const root = parsed('root', { step, parse: () => parseRoot(bytes, bytesMax) });
  if (root.kind !== 'ok') return root;
  return signedBy(root.value, {
    step,
    subject: 'root',
    role: rootRole(root.value.signed, 'root'),
    as: 'the root itself',
  });
}

function* fetchNextRoot(root: RootFile, limits: UpdateLimits): Workflow<Step<RootFile | undefined>> {
  const path = metadataFilePath('root', root.signed.version + 1);
  const fetched = yield* fetchFile(path, { step: '5.3.3', subject: 'root', bytesMax: limits.rootBytesMax });
  if (fetched.kind !== 'ok') return fetched;
  if (fetched.value === undefined) return ok(undefined);
  const next = verifyNextRoot(root, { bytes: fetched.value, bytesMax: limits.rootBytesMax });
  if (next.kind !== 'ok') return next;
  return yield* secondSigned(next.value, { roots: [root, next.value], name: 'root', step: '5.3.4' });
}

/** TUF 5.3.4 and 5.3.5: a successor is signed by thresholds of both roots and has exactly the next version. */
export function verifyNextRoot(
  root: RootFile,
  { bytes, bytesMax }: { readonly bytes: Uint8Array; readonly bytesMax: number },
): Step<RootFile> {
  const next = parseSelfSigned(bytes, { step: '5.3.4', bytesMax });
  if (next.kind !== 'ok') return next;
  const role = rootRole(root.signed, 'root');
  const signed = signedBy(next.value, {
    step: '5.3.4',
    subject: 'root',
    role,
    as: `root ${root.signed.version}`,
  });
  if (signed.kind !== 'ok') return signed;
  const expected = root.signed.version + 1;
  if (next.value.signed.version === expected) return next;
  const explanation = `expected version ${expected}, found ${next.value.signed.version}`;
  return refuse('5.3.5', { subject: 'root', reason: 'version-mismatch', explanation });
}

/**
 * TUF 5.3.8 and 5.3.11. What rotated keys signed is deleted first, so that a power cut cannot leave the new root beside
 * an old timestamp with a version that an attacker ran ahead (fast-forward recovery).
 */
function* replaceRoot(old: RootFile, next: RootFile): Workflow<void> {
  if (hasRotated(old.signed, next.signed)) {
    yield* remove('snapshot');
    yield* remove('timestamp');
  }
  if (directorOf(old) !== directorOf(next)) yield* remove(directorName);
  yield* store('root', next.bytes);
}

function directorOf(root: RootFile): string {
  return signersOf(furtherRole(root, 'director'));
}

function hasRotated(old: Root, next: Root): boolean {
  const roles = ['timestamp', 'snapshot'] as const;
  return roles.some((name) => signersOf(rootRole(old, name)) !== signersOf(rootRole(next, name)));
}

/** The ids and the keys themselves: an id may stay while its key changes. */
function signersOf(role: RoleKeys | undefined): string {
  const ids = (role?.keyIDs ?? []).toSorted();
  return JSON.stringify(ids.map((id) => [id, role?.keys[id]?.keyVal.public]));
}

/** The keys and threshold a root gives to a top-level role. */
export function rootRole(
  root: Root,
  name: 'root' | 'timestamp' | 'snapshot' | 'targets',
): RoleKeys | undefined {
  const role = root.roles[name];
  return role === undefined ? undefined : { keys: root.keys, keyIDs: role.keyIDs, threshold: role.threshold };
}
