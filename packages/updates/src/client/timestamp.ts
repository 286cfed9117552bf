import type { Timestamp } from '@tufjs/models';
import type { UpdateLimits } from '../limits.ts';
import { parseTimestamp, type SignedFile } from '../metadata/parse.ts';
import { timestampFilePath } from '../metadata/target-path.ts';
import { ok, refuse, type Step } from './outcome.ts';
import { type RootFile, rootRole } from './root.ts';
import { raiseFloor } from './time-floor.ts';
import { fetchRequired, load, notExpired, parsed, signedBy, store, type Workflow } from './workflow.ts';

export type TimestampFile = SignedFile<Timestamp>;

interface Context {
  readonly root: RootFile;
  readonly nowMs: number;
  readonly limits: UpdateLimits;
}

/** TUF 5.4: fetches the timestamp, the only file whose name never changes. */
export function* updateTimestamp(context: Context): Workflow<Step<TimestampFile>> {
  const stored = yield* loadStored(context);
  const received = yield* fetchTimestamp(context);
  if (received.kind !== 'ok') return received;
  const newer = checkRollback(stored, received.value);
  if (newer.kind !== 'ok') return newer;
  const fresh = notExpired(newer.value, { step: '5.4.4', subject: 'timestamp', nowMs: context.nowMs });
  yield* raiseFloor(Math.min(context.nowMs, Date.parse(newer.value.signed.expires)));
  if (fresh.kind === 'ok' && fresh.value !== stored) yield* store('timestamp', fresh.value.bytes); // TUF 5.4.5
  return fresh;
}

/** The timestamp trusted before, as long as today's root still vouches for it. Expired ones still forbid rollback. */
function* loadStored({ root, limits }: Context): Workflow<TimestampFile | undefined> {
  const bytes = yield* load('timestamp');
  const file = bytes === undefined ? undefined : verifyTimestamp(root, { bytes, limits });
  return file?.kind === 'ok' ? file.value : undefined;
}

function* fetchTimestamp({ root, limits }: Context): Workflow<Step<TimestampFile>> {
  const fetched = yield* fetchRequired(timestampFilePath, {
    step: '5.4.1',
    subject: 'timestamp',
    bytesMax: limits.timestampBytesMax,
  });
  return fetched.kind === 'ok' ? verifyTimestamp(root, { bytes: fetched.value, limits }) : fetched;
}

/** TUF 5.4.2. */
export function verifyTimestamp(
  root: RootFile,
  { bytes, limits }: { readonly bytes: Uint8Array; readonly limits: UpdateLimits },
): Step<TimestampFile> {
  const subject = 'timestamp';
  const step = '5.4.2';
  const file = parsed(subject, { step, parse: () => parseTimestamp(bytes, limits.timestampBytesMax) });
  if (file.kind !== 'ok') return file;
  return signedBy(file.value, {
    step,
    subject,
    role: rootRole(root.signed, subject),
    as: `root ${root.signed.version}`,
  });
}

/** TUF 5.4.3: the one to go on with. At an equal version that is the stored one, quietly. */
function checkRollback(stored: TimestampFile | undefined, received: TimestampFile): Step<TimestampFile> {
  if (stored === undefined) return ok(received);
  const { version, snapshotMeta } = received.signed;
  if (version < stored.signed.version) {
    const explanation = `version ${version} is older than the trusted ${stored.signed.version}`;
    return refuse('5.4.3.1', { subject: 'timestamp', reason: 'rollback', explanation });
  }
  if (version === stored.signed.version) return ok(stored);
  if (snapshotMeta.version >= stored.signed.snapshotMeta.version) return ok(received);
  const explanation = `snapshot ${snapshotMeta.version} is older than the trusted ${stored.signed.snapshotMeta.version}`;
  return refuse('5.4.3.2', { subject: 'timestamp', reason: 'rollback', explanation });
}
