import type { Clock } from '@fleetward/core';
import {
  ok,
  type Refusal,
  refuse,
  type Step,
  type TrustedVersions,
  type Unreachable,
} from '../client/outcome.ts';
import { parseSelfSigned, type RootFile, rootRole } from '../client/root.ts';
import type { TargetsFile } from '../client/targets.ts';
import { notExpired, parsed, signedBy } from '../client/workflow.ts';
import { defaultLimits } from '../limits.ts';
import { furtherRole } from '../metadata/further-roles.ts';
import { sha256Hex } from '../metadata/key.ts';
import { parseSnapshot, parseTargets } from '../metadata/parse.ts';
import { needsSecond, secondSuffix, verifySecond } from '../metadata/second-signature.ts';
import { metadataFilePath } from '../metadata/target-path.ts';
import { namedKeys } from '../metadata/threshold.ts';
import { makeOnlineFiles, type OnlineSettings, type OnlineSigners } from './online-files.ts';
import { verifyNextTwice } from './root-chain.ts';
import { type DelegatedFiles, verifyDelegated } from './verify-delegated.ts';

/** The newest published file of each role, as bytes; a new repository has none. */
export interface PublishedState {
  readonly root?: Uint8Array;
  readonly targets?: Uint8Array;
  readonly snapshot?: Uint8Array;
  readonly timestamp?: Uint8Array;
  /** The second signature of the targets, where there is one. */
  readonly targetsSecond?: Uint8Array;
  /** The lists of the roles that the targets delegate to, by role, in the order of their trust. */
  readonly delegated?: ReadonlyMap<string, Uint8Array>;
}

/** What release engineers sent: roots in order, targets, delegated lists. Nothing renews the timestamp, and the snapshot when due. */
export interface Upload {
  readonly roots: readonly Uint8Array[];
  readonly targets?: Uint8Array;
  /** Detached second signatures by the name of what they sign, such as `3.targets.json`. */
  readonly second?: ReadonlyMap<string, Uint8Array>;
  /** New delegated lists by their role. */
  readonly delegated?: ReadonlyMap<string, Uint8Array>;
}

export interface PublishInput {
  readonly published: PublishedState;
  readonly upload: Upload;
  readonly signers: OnlineSigners;
  readonly clock: Clock;
  readonly settings: OnlineSettings;
}

export interface PublishedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export type PublishOutcome =
  | {
      readonly kind: 'published';
      /** New files in the order in which they must become visible: the timestamp is last. */
      readonly files: readonly PublishedFile[];
      readonly state: Required<Omit<PublishedState, 'targetsSecond'>> & PublishedState;
      readonly versions: TrustedVersions;
      /** Of the delegated lists that are in force, by role. */
      readonly delegatedVersions: ReadonlyMap<string, number>;
    }
  | Refusal
  | Unreachable;

const rootsMax = 256;

/**
 * The server's part: checks what was uploaded exactly as a device will, and signs snapshot and timestamp for it with the
 * online keys. Nothing is written here; the caller stores the files, all or none, in the order given.
 */
export async function publish(input: PublishInput): Promise<PublishOutcome> {
  const roots = verifyRoots(input);
  if (roots.kind !== 'ok') return roots;
  const root = directedBy(roots.value.newest, input.signers);
  if (root.kind !== 'ok') return root;
  const targets = verifyTargetsUpload(root.value, input);
  if (targets.kind !== 'ok') return targets;
  const delegated = verifyDelegatedUpload(targets.value, { ...input, root: root.value });
  if (delegated.kind !== 'ok') return delegated;
  const lists = { targets: targets.value, delegated: delegated.value };
  const online = await makeOnlineFiles({ ...input, root: root.value, ...lists });
  if (online.kind !== 'ok') return online;
  const { snapshot, timestamp, files } = online.value;
  return {
    kind: 'published',
    files: [
      ...roots.value.files,
      ...delegatedFiles(delegated.value, input.upload),
      ...targetsFiles(targets.value, { ...input, root: root.value }),
      ...files,
    ],
    state: {
      root: root.value.bytes,
      targets: targets.value.bytes,
      snapshot: snapshot.bytes,
      timestamp: timestamp.bytes,
      delegated: new Map([...delegated.value].map(([name, { bytes }]) => [name, bytes])),
      ...secondState(targets.value, { ...input, root: root.value }),
    },
    versions: {
      root: root.value.signed.version,
      targets: targets.value.signed.version,
      snapshot: snapshot.signed.version,
      timestamp: timestamp.signed.version,
    },
    delegatedVersions: new Map([...delegated.value].map(([name, { signed }]) => [name, signed.version])),
  };
}

interface VerifiedRoots {
  readonly newest: RootFile;
  readonly files: readonly PublishedFile[];
}

/** The chain from the published root, or from the first uploaded one, which must be version 1. */
function verifyRoots({ published, upload, clock }: PublishInput): Step<VerifiedRoots> {
  if (upload.roots.length > rootsMax) return refuseRoot('5.3.3', 'too-long', `more than ${rootsMax} roots`);
  const [first, ...rest] = published.root === undefined ? upload.roots : [published.root, ...upload.roots];
  if (first === undefined)
    return refuseRoot('5.2', 'no-trusted-root', 'the repository has no root yet: upload one');
  const bytesMax = defaultLimits.rootBytesMax;
  const start = parseSelfSigned(first, { step: '5.2', bytesMax });
  if (start.kind !== 'ok') return start;
  const isFirst = published.root !== undefined || start.value.signed.version === 1;
  if (!isFirst) return refuseRoot('5.2', 'version-mismatch', 'the first root of a repository is version 1');
  let newest = start.value;
  const files = published.root === undefined ? fileWithSecond('root', newest, undefined) : [];
  for (const bytes of rest) {
    const second = upload.second?.get(`${newest.signed.version + 1}.root.json`);
    const next = verifyNextTwice(newest, { bytes, second });
    if (next.kind !== 'ok') return next;
    const isNeeded = needsSecond([newest, next.value]);
    newest = next.value;
    files.push(...fileWithSecond('root', newest, isNeeded ? second : undefined));
  }
  const fresh = notExpired(newest, { step: '5.3.10', subject: 'root', nowMs: clock.now() });
  return fresh.kind === 'ok' ? ok({ newest, files }) : fresh;
}

/** Devices that follow a director nobody has the keys of would install nothing any more. */
function directedBy(root: RootFile, { director = [] }: OnlineSigners): Step<RootFile> {
  const role = furtherRole(root, 'director');
  if (role === undefined) return ok(root);
  const ours = new Set(director.map(({ publicKey }) => sha256Hex(publicKey)));
  const count = namedKeys(role).filter(({ fingerprint }) => ours.has(fingerprint)).length;
  if (count >= role.threshold) return ok(root);
  const explanation = "the root names a director, and must name this server's online director key";
  return refuseRoot('Uptane 5.4.4.6.3', 'below-threshold', explanation);
}

/** The uploaded targets, one version or more above the published ones; else the published, which the newest root must still vouch for. */
function verifyTargetsUpload(root: RootFile, { published, upload, clock }: PublishInput): Step<TargetsFile> {
  const bytes = upload.targets ?? published.targets;
  if (bytes === undefined) {
    const explanation = 'the repository has no targets yet: upload them with the root';
    return refuse('5.6.1', { subject: 'targets', reason: 'missing', explanation });
  }
  const first = verifyTargets(root, bytes);
  if (first.kind !== 'ok') return first;
  const second = secondOf(first.value, { published, upload, root });
  const file = verifySecond(first.value, { roots: [root], bytes: second, step: '5.6.3', subject: 'targets' });
  if (file.kind !== 'ok') return file;
  const fresh = notExpired(file.value, { step: '5.6.5', subject: 'targets', nowMs: clock.now() });
  if (fresh.kind !== 'ok' || upload.targets === undefined || published.targets === undefined) return fresh;
  const before = parseTargets(published.targets, defaultLimits.targetsBytesMax).signed.version;
  if (file.value.signed.version > before) return file;
  const explanation = `version ${file.value.signed.version} does not follow the published ${before}`;
  return refuse('5.6.4', { subject: 'targets', reason: 'rollback', explanation });
}

/**
 * All lists that the targets delegate to, new or published. Of new ones also the end and the version are judged: a list of one team that
 * expires must not keep another team, or the timestamp, from being published.
 */
function verifyDelegatedUpload(
  targets: TargetsFile,
  { root, upload, published, clock }: PublishInput & { readonly root: RootFile },
): Step<DelegatedFiles> {
  const bytesOf = (name: string) => upload.delegated?.get(name) ?? published.delegated?.get(name);
  const files = verifyDelegated(targets, { root, bytesOf });
  if (files.kind !== 'ok') return files;
  const snapshot = published.snapshot && parseSnapshot(published.snapshot, defaultLimits.snapshotBytesMax);
  for (const subject of upload.delegated?.keys() ?? []) {
    const file = files.value.get(subject);
    if (file === undefined) {
      const explanation = `the targets delegate to no role \`${subject.slice(0, 64)}\``;
      return refuse('5.6.7', { subject, reason: 'malformed', explanation });
    }
    const fresh = notExpired(file, { step: '5.6.5', subject, nowMs: clock.now() });
    if (fresh.kind !== 'ok') return fresh;
    const { version } = file.signed;
    // Also of a role that was gone for a while: devices keep what the snapshot said of it.
    const before = snapshot?.signed.meta[`${subject}.json`]?.version ?? 0;
    if (version > before) continue;
    const explanation = `version ${version} does not follow the published ${before}`;
    return refuse('5.6.4', { subject, reason: 'rollback', explanation });
  }
  return files;
}

function delegatedFiles(files: DelegatedFiles, { delegated }: Upload): readonly PublishedFile[] {
  return [...files]
    .filter(([name]) => delegated?.has(name))
    .map(([name, { signed, bytes }]) => ({ path: metadataFilePath(name, signed.version), bytes }));
}

/** TUF 5.6.3, for a list that lies before us. */
export function verifyTargets(root: RootFile, bytes: Uint8Array): Step<TargetsFile> {
  const subject = 'targets';
  const step = '5.6.3';
  const file = parsed(subject, { step, parse: () => parseTargets(bytes, defaultLimits.targetsBytesMax) });
  if (file.kind !== 'ok') return file;
  return signedBy(file.value, {
    step,
    subject,
    role: rootRole(root.signed, subject),
    as: `root ${root.signed.version}`,
  });
}

type Known = Pick<PublishInput, 'published' | 'upload'> & { readonly root: RootFile };

/** What the root does not ask for is not looked at and not kept; of published targets it is the published one, unless another came. */
function secondOf(targets: TargetsFile, { published, upload, root }: Known): Uint8Array | undefined {
  if (!needsSecond([root])) return undefined;
  const sent = upload.second?.get(fileName(targets));
  return sent ?? (upload.targets === undefined ? published.targetsSecond : undefined);
}

function secondState(targets: TargetsFile, known: Known): Pick<PublishedState, 'targetsSecond'> {
  const targetsSecond = secondOf(targets, known);
  return targetsSecond === undefined ? {} : { targetsSecond };
}

function targetsFiles(targets: TargetsFile, known: Known): readonly PublishedFile[] {
  const second = secondOf(targets, known);
  const isNew = second !== known.published.targetsSecond || known.upload.targets !== undefined;
  const files = fileWithSecond('targets', targets, isNew ? second : undefined);
  return known.upload.targets === undefined ? files.slice(1) : files;
}

function fileWithSecond(
  role: 'root' | 'targets',
  file: RootFile | TargetsFile,
  second: Uint8Array | undefined,
): PublishedFile[] {
  const path = metadataFilePath(role, file.signed.version);
  const beside = second === undefined ? [] : [{ path: `${path}${secondSuffix}`, bytes: second }];
  return [{ path, bytes: file.bytes }, ...beside];
}

function fileName(file: TargetsFile): string {
  return `${file.signed.version}.targets.json`;
}

function refuseRoot(step: string, reason: Refusal['reason'], explanation: string): Refusal {
  return refuse(step, { subject: 'root', reason, explanation });
}
