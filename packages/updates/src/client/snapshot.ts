import type { Snapshot } from '@tufjs/models';
import type { UpdateLimits } from '../limits.ts';
import { parseSnapshot, type SignedFile } from '../metadata/parse.ts';
import { metadataFilePath } from '../metadata/target-path.ts';
import { matchesMetaFile } from './meta-file.ts';
import { ok, refuse, type Step } from './outcome.ts';
import { type RootFile, rootRole } from './root.ts';
import type { TimestampFile } from './timestamp.ts';
import { fetchRequired, load, notExpired, parsed, signedBy, store, type Workflow } from './workflow.ts';

export type SnapshotFile = SignedFile<Snapshot>;

interface Context {
  readonly root: RootFile;
  readonly timestamp: TimestampFile;
  readonly nowMs: number;
  readonly limits: UpdateLimits;
}

/** TUF 5.5: the snapshot that the timestamp names, from the store when it is there already. */
export function* updateSnapshot(context: Context): Workflow<Step<SnapshotFile>> {
  const stored = yield* loadStored(context);
  const isCurrent = stored !== undefined && verifyAgainstTimestamp(stored, context).kind === 'ok';
  const current = isCurrent ? ok(stored) : yield* fetchSnapshot(context, stored);
  if (current.kind !== 'ok') return current;
  const fresh = notExpired(current.value, { step: '5.5.6', subject: 'snapshot', nowMs: context.nowMs });
  if (fresh.kind === 'ok' && fresh.value !== stored) yield* store('snapshot', fresh.value.bytes); // TUF 5.5.7
  return fresh;
}

function* loadStored({ root, limits }: Context): Workflow<SnapshotFile | undefined> {
  const bytes = yield* load('snapshot');
  const file = bytes === undefined ? undefined : verifySnapshot(root, { bytes, limits });
  return file?.kind === 'ok' ? file.value : undefined;
}

function* fetchSnapshot(context: Context, stored: SnapshotFile | undefined): Workflow<Step<SnapshotFile>> {
  const { version, length } = context.timestamp.signed.snapshotMeta;
  const bytesMax = Math.min(length ?? context.limits.snapshotBytesMax, context.limits.snapshotBytesMax);
  const path = metadataFilePath('snapshot', version);
  const fetched = yield* fetchRequired(path, { step: '5.5.1', subject: 'snapshot', bytesMax });
  return fetched.kind === 'ok' ? verifyReceived(fetched.value, context, stored) : fetched;
}

function verifyReceived(
  bytes: Uint8Array,
  context: Context,
  stored: SnapshotFile | undefined,
): Step<SnapshotFile> {
  const meta = context.timestamp.signed.snapshotMeta;
  const matched = matchesMetaFile(bytes, { step: '5.5.2', subject: 'snapshot', meta, as: 'the timestamp' });
  if (matched.kind !== 'ok') return matched;
  const file = verifySnapshot(context.root, { bytes, limits: context.limits });
  if (file.kind !== 'ok') return file;
  const named = verifyAgainstTimestamp(file.value, context);
  return named.kind === 'ok' ? checkRollback(stored, file.value) : named;
}

/** TUF 5.5.3. */
export function verifySnapshot(
  root: RootFile,
  { bytes, limits }: { readonly bytes: Uint8Array; readonly limits: UpdateLimits },
): Step<SnapshotFile> {
  const subject = 'snapshot';
  const step = '5.5.3';
  const file = parsed(subject, { step, parse: () => parseSnapshot(bytes, limits.snapshotBytesMax) });
  if (file.kind !== 'ok') return file;
  return signedBy(file.value, {
    step,
    subject,
    role: rootRole(root.signed, subject),
    as: `root ${root.signed.version}`,
  });
}

/** TUF 5.5.2 and 5.5.4. */
function verifyAgainstTimestamp(file: SnapshotFile, { timestamp }: Context): Step<SnapshotFile> {
  const meta = timestamp.signed.snapshotMeta;
  const subject = 'snapshot';
  if (file.signed.version !== meta.version) {
    const explanation = `version ${file.signed.version}; the timestamp names ${meta.version}`;
    return refuse('5.5.4', { subject, reason: 'version-mismatch', explanation });
  }
  const matched = matchesMetaFile(file.bytes, { step: '5.5.2', subject, meta, as: 'the timestamp' });
  return matched.kind === 'ok' ? ok(file) : matched;
}

/** TUF 5.5.5: no targets role disappears, none gets an older version. */
function checkRollback(stored: SnapshotFile | undefined, received: SnapshotFile): Step<SnapshotFile> {
  for (const [name, { version }] of Object.entries(stored?.signed.meta ?? {})) {
    const meta = Object.hasOwn(received.signed.meta, name) ? received.signed.meta[name] : undefined;
    if (meta !== undefined && meta.version >= version) continue;
    const found = meta === undefined ? 'is gone' : `went back to version ${meta.version}`;
    const explanation = `\`${name}\` ${found}; version ${version} was trusted`;
    return refuse('5.5.5', { subject: 'snapshot', reason: 'rollback', explanation });
  }
  return ok(received);
}
