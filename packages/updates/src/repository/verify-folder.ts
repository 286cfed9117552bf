import type { Clock } from '@fleetward/core';
import { type Refusal, refuse, type Step, type Unreachable } from '../client/outcome.ts';
import type { RootFile } from '../client/root.ts';
import { type Target, targetOf } from '../client/target.ts';
import type { TargetsFile } from '../client/targets.ts';
import { notExpired, parsed } from '../client/workflow.ts';
import { isUpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { parseRoot } from '../metadata/parse.ts';
import { secondSuffix, verifySecond } from '../metadata/second-signature.ts';
import { checkRecord } from '../record/check-record.ts';
import { createTargetVerifier } from '../target-verifier.ts';
import { readProductLists } from './product-lists.ts';
import { verifyTargets } from './publish.ts';
import { type ReleaseFolder, readNewest } from './release-folder.ts';
import { followRoots } from './root-chain.ts';
import { verifyDelegated } from './verify-delegated.ts';
import { verifyPatches } from './verify-patches.ts';

export interface FolderCheck {
  /** The root a device has, or the person who checks. */
  readonly trustedRoot: Uint8Array;
  readonly clock: Clock;
  /** The bytes of an artifact by its SHA-256, `undefined` when there are none. Without it artifacts are not looked at. */
  readonly artifact?: (sha256: string) => AsyncIterable<Uint8Array> | undefined;
}

/** What a device would say of a folder, all of it instead of the first alone. */
export interface FolderVerdict {
  readonly problems: readonly Refusal[];
  /** What could be verified: versions, and how many targets. */
  readonly root?: number;
  readonly targets?: number;
  readonly releases: readonly Target[];
}

/** Verifies a release folder as a device verifies a repository, from a root that is trusted. */
export async function verifyReleaseFolder(folder: ReleaseFolder, check: FolderCheck): Promise<FolderVerdict> {
  const nowMs = check.clock.now();
  const problems: Refusal[] = [];
  const note = (step: Step<unknown>) => {
    if (step.kind !== 'ok') problems.push(refusalOf(step));
  };
  const chain = await followRoots(folder, check.trustedRoot);
  note(chain);
  if (chain.kind !== 'ok') return { problems, releases: [] };
  const { newest: root, broken } = chain.value;
  note(broken ?? leadsTo(await readNewest(folder, 'root.json'), root));
  note(notExpired(root, { step: '5.3.10', subject: 'root', nowMs }));
  const first = verifyTargets(root, await readNewest(folder, 'targets.json'));
  const second = await folder.read(`targets.json${secondSuffix}`);
  const by = { roots: [root], bytes: second, step: '5.6.3', subject: 'targets' };
  const targets = first.kind === 'ok' ? verifySecond(first.value, by) : first;
  note(targets);
  if (targets.kind !== 'ok') return { problems, root: root.signed.version, releases: [] };
  note(notExpired(targets.value, { step: '5.6.5', subject: 'targets', nowMs }));
  const lists = await readProductLists(folder);
  const delegated = verifyDelegated(targets.value, { root, bytesOf: (name) => lists.get(name) });
  note(delegated);
  const files = delegated.kind === 'ok' ? [...delegated.value] : [];
  for (const [subject, file] of files) note(notExpired(file, { step: '5.6.5', subject, nowMs }));
  const releases = [targets.value, ...files.map(([, file]) => file)].flatMap((file) =>
    Object.values(file.signed.targets).map(targetOf),
  );
  for (const target of releases) note(await verifyArtifact(target, check));
  for (const target of releases) note(await verifyRecord(target, { releases, check }));
  const { artifact } = check;
  if (artifact !== undefined)
    for (const target of releases) note(await verifyPatches(target, { targets: releases, artifact }));
  return { problems, ...versions(root, targets.value), releases };
}

/** TUF 5.3.3: what is published next would begin with a root that no device comes to. */
function leadsTo(newest: Uint8Array, root: RootFile): Step<undefined> {
  const file = parsed('root', {
    step: '5.3.3',
    parse: () => parseRoot(newest, defaultLimits.rootBytesMax),
  });
  if (file.kind !== 'ok') return file;
  const { version } = file.value.signed;
  if (version <= root.signed.version) return { kind: 'ok', value: undefined };
  const explanation = `\`root.json\` is version ${version}, and the folder has no \`${root.signed.version + 1}.root.json\` that leads to it`;
  return refuse('5.3.3', { subject: 'root', reason: 'missing', explanation });
}

function versions(root: RootFile, targets: TargetsFile) {
  return { root: root.signed.version, targets: targets.signed.version };
}

/** TUF 5.7.3. */
async function verifyArtifact(target: Target, { artifact }: FolderCheck): Promise<Step<undefined>> {
  const fine = { kind: 'ok', value: undefined } as const;
  if (artifact === undefined) return fine;
  const subject = target.path;
  const bytes = artifact(target.sha256);
  if (bytes === undefined) {
    const explanation = `the folder has no artifact \`${target.sha256}\``;
    return refuse('5.7.3', { subject, reason: 'missing', explanation });
  }
  const verifier = createTargetVerifier(target);
  for await (const chunk of bytes) {
    const pushed = verifier.push(chunk);
    if (pushed.kind === 'refused') return refuse('5.7.3', { subject, ...pushed });
  }
  const end = verifier.end();
  return end.kind === 'refused' ? refuse('5.7.3', { subject, ...end }) : fine;
}

/** Ours, not TUF's: the documents that a release links to. */
async function verifyRecord(
  target: Target,
  { releases, check }: { readonly releases: readonly Target[]; readonly check: FolderCheck },
): Promise<Step<undefined>> {
  const { artifact } = check;
  if (artifact === undefined) return { kind: 'ok', value: undefined };
  try {
    const targetAt = (path: string) => releases.find((other) => other.path === path);
    await checkRecord(target, { targetAt, read: artifact });
    return { kind: 'ok', value: undefined };
  } catch (cause) {
    if (!isUpdatesError(cause)) throw cause;
    return refuse('record', { subject: target.path, reason: 'malformed', explanation: cause.message });
  }
}

/** Nothing is fetched here, so nothing is out of reach. */
function refusalOf(step: Refusal | Unreachable): Refusal {
  if (step.kind === 'refused') return step;
  throw new TypeError(`a folder is not out of reach: ${step.explanation}`);
}
