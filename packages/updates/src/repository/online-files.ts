import type { Clock, Signer } from '@fleetward/core';
import { ok, refuse, type Step } from '../client/outcome.ts';
import type { RootFile } from '../client/root.ts';
import { type SnapshotFile, verifySnapshot } from '../client/snapshot.ts';
import type { TargetsFile } from '../client/targets.ts';
import { type TimestampFile, verifyTimestamp } from '../client/timestamp.ts';
import { defaultLimits as limits } from '../limits.ts';
import { sha256Hex } from '../metadata/key.ts';
import { parseSnapshot, parseTimestamp } from '../metadata/parse.ts';
import { signedBytes, specVersion, tufTime } from '../metadata/sign.ts';
import { metadataFilePath, timestampFilePath } from '../metadata/target-path.ts';
import type { PublishedFile, PublishedState } from './publish.ts';
import type { DelegatedFiles } from './verify-delegated.ts';

/** The server's online keys: enough of each to meet the root's thresholds. */
export interface OnlineSigners {
  readonly snapshot: readonly Signer[];
  readonly timestamp: readonly Signer[];
  /** Those that sign instructions; where a root names a director, it must be this one. */
  readonly director?: readonly Pick<Signer, 'publicKey'>[];
}

/** How long what the server signs is good for; a device that hears nothing for that long stops trusting it (freeze). */
export interface OnlineSettings {
  readonly snapshotLifetimeMs: number;
  readonly timestampLifetimeMs: number;
}

export const defaultOnlineSettings: OnlineSettings = {
  snapshotLifetimeMs: 7 * 24 * 3600 * 1000,
  timestampLifetimeMs: 24 * 3600 * 1000,
};

interface OnlineInput {
  readonly published: PublishedState;
  readonly signers: OnlineSigners;
  readonly clock: Clock;
  readonly settings: OnlineSettings;
  readonly root: RootFile;
  readonly targets: TargetsFile;
  readonly delegated: DelegatedFiles;
}

interface OnlineFiles {
  readonly snapshot: SnapshotFile;
  readonly timestamp: TimestampFile;
  readonly files: readonly PublishedFile[];
}

/** A new timestamp, always, and a new snapshot when the targets changed, its keys did, or half its life is over. */
export async function makeOnlineFiles(input: OnlineInput): Promise<Step<OnlineFiles>> {
  const kept = reusableSnapshot(input);
  const snapshot = kept === undefined ? await makeSnapshot(input) : ok(kept);
  if (snapshot.kind !== 'ok') return snapshot;
  const timestamp = await makeTimestamp(input, snapshot.value);
  if (timestamp.kind !== 'ok') return timestamp;
  const { version } = snapshot.value.signed;
  const snapshotFile = { path: metadataFilePath('snapshot', version), bytes: snapshot.value.bytes };
  const timestampFile = { path: timestampFilePath, bytes: timestamp.value.bytes };
  const files = kept === undefined ? [snapshotFile, timestampFile] : [timestampFile];
  return ok({ snapshot: snapshot.value, timestamp: timestamp.value, files });
}

function reusableSnapshot({
  published,
  root,
  targets,
  delegated,
  clock,
  settings,
}: OnlineInput): SnapshotFile | undefined {
  if (published.snapshot === undefined) return undefined;
  const file = verifySnapshot(root, { bytes: published.snapshot, limits });
  if (file.kind !== 'ok') return undefined;
  const { meta } = file.value.signed;
  const isSame = [...lists(targets, delegated)].every(
    ([name, { signed }]) => meta[`${name}.json`]?.version === signed.version,
  );
  const leftMs = Date.parse(file.value.signed.expires) - clock.now();
  return isSame && leftMs > settings.snapshotLifetimeMs / 2 ? file.value : undefined;
}

async function makeSnapshot(input: OnlineInput): Promise<Step<SnapshotFile>> {
  const { published, root, targets, delegated, clock, settings, signers } = input;
  const before = published.snapshot && parseSnapshot(published.snapshot, limits.snapshotBytesMax);
  const signed = {
    _type: 'snapshot',
    spec_version: specVersion,
    version: nextVersion(before?.signed.version, clock),
    expires: tufTime(clock.now() + settings.snapshotLifetimeMs),
    meta: { ...metaBefore(before), ...metaNow(lists(targets, delegated)) },
  };
  const bytes = await signedBytes(signed, signers.snapshot);
  return explained(verifySnapshot(root, { bytes, limits }), 'snapshot');
}

function lists(targets: TargetsFile, delegated: DelegatedFiles): DelegatedFiles {
  return new Map([['targets', targets], ...delegated]);
}

function metaNow(files: DelegatedFiles) {
  return Object.fromEntries([...files].map(([name, file]) => [`${name}.json`, metaOf(file)]));
}

/** TUF 5.5.5: devices refuse a snapshot that names a role no more. One whose delegation ended stays, and is of no use to anybody. */
function metaBefore(before: SnapshotFile | undefined) {
  const kept = Object.entries(before?.signed.meta ?? {});
  return Object.fromEntries(kept.map(([name, file]) => [name, file.toJSON()]));
}

async function makeTimestamp(input: OnlineInput, snapshot: SnapshotFile): Promise<Step<TimestampFile>> {
  const { published, root, clock, settings, signers } = input;
  const before =
    published.timestamp && parseTimestamp(published.timestamp, limits.timestampBytesMax).signed.version;
  const signed = {
    _type: 'timestamp',
    spec_version: specVersion,
    version: nextVersion(before, clock),
    expires: tufTime(clock.now() + settings.timestampLifetimeMs),
    meta: { 'snapshot.json': metaOf(snapshot) },
  };
  const bytes = await signedBytes(signed, signers.timestamp);
  return explained(verifyTimestamp(root, { bytes, limits }), 'timestamp');
}

/**
 * At least the time: after a restore from an older backup, devices must not find versions below what they trust.
 */
function nextVersion(before: number | undefined, clock: Clock): number {
  return Math.max((before ?? 0) + 1, Math.floor(clock.now() / 1000));
}

function metaOf({
  signed,
  bytes,
}: {
  readonly signed: { readonly version: number };
  readonly bytes: Uint8Array;
}) {
  return { version: signed.version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } };
}

/** What we made is checked as a device checks it; the only way it fails is a root that does not name our keys. */
function explained<File>(made: Step<File>, subject: 'snapshot' | 'timestamp'): Step<File> {
  if (made.kind !== 'refused' || made.reason !== 'below-threshold') return made;
  const explanation = `${made.explanation}: the root must name this server's online ${subject} keys`;
  return refuse(made.step, { subject, reason: made.reason, explanation });
}
