import { join } from 'node:path';
import type { Signer } from '@fleetward/core';
import { createFolderDurably } from '@fleetward/core/durable-file';
import { chunkIndexPath } from '../client/assemble.ts';
import { rootRole } from '../client/root.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { furtherRole } from '../metadata/further-roles.ts';
import { tufKeyFromSpki } from '../metadata/key.ts';
import { parseRoot, parseTargets } from '../metadata/parse.ts';
import { secondSuffix } from '../metadata/second-signature.ts';
import type { SignatureCount } from '../metadata/threshold.ts';
import { parsePatches, patchPath } from '../patches/patch-list.ts';
import { documentPath } from '../record/release-record.ts';
import { isFirstSigner, type ReleaseSigner } from '../release-signer.ts';
import { nodeFileLayer, replaceFile } from '../store/file-layer.ts';
import { assertAddable } from './assert-addable.ts';
import {
  changeTargets,
  draftRoot,
  draftTargets,
  type NewTarget,
  type RootRoles,
  removeTargets,
  rolesOfRoot,
} from './draft.ts';
import {
  assertProduct,
  listOfPath,
  productKeyIds,
  productListName,
  readProductLists,
  signProductLists,
} from './product-lists.ts';
import type { Upload } from './publish.ts';
import { readTargets } from './read-targets.ts';
import { type SignedDraft, signRoot, signTargets } from './sign-file.ts';
import { signSecond } from './sign-second.ts';

/**
 * The folder release engineers carry around: `root.json` and `targets.json`, the newest of each, signed or not yet, and
 * every root as `N.root.json`; the lists of delegated products; and each list that was complete last. No keys.
 */
export interface ReleaseFolder {
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** How far the newest files are from their thresholds. */
export interface ReleaseStatus {
  readonly root: SignedDraft;
  readonly targets: SignedDraft;
  /** Of the second signatures, where the roots demand them. */
  readonly second?: { readonly root?: SignatureCount; readonly targets?: SignatureCount };
  /** The lists of products that are delegated. */
  readonly delegated?: ReadonlyMap<string, SignedDraft>;
}

/** Whether a server would take it as it is. */
export function isComplete({ root, targets, second, delegated }: ReleaseStatus): boolean {
  const counts = [root, targets, second?.root, second?.targets, ...(delegated?.values() ?? [])];
  return counts.every((count) => count === undefined || count.isMet);
}

export interface ReleaseSettings {
  readonly roles: RootRoles;
  /** Unix milliseconds. */
  readonly rootExpiresMs: number;
  readonly targetsExpiresMs: number;
}

const rootsMax = 1024;

/** The newest list that a threshold of its keys signed. */
export const signedTargetsName = 'signed-targets.json';

/** A folder on disk to begin releases in, made when it is missing. */
export async function createReleaseFolder(path: string): Promise<ReleaseFolder> {
  createFolderDurably(path);
  return folderAt(path);
}

/** One that releases were begun in. Throws `updates.repository_invalid` for any other. */
export async function openReleaseFolder(path: string): Promise<ReleaseFolder> {
  const folder = folderAt(path);
  if ((await folder.read('root.json')) !== undefined) return folder;
  const message = `\`${path}\` is no folder of releases: it holds no \`root.json\`, which \`release init\` begins one with`;
  throw new UpdatesError('updates.repository_invalid', message);
}

/** What is read once stays what it was until it is written: nobody signs other bytes than he was shown. */
export function steadyFolder(folder: ReleaseFolder): ReleaseFolder {
  const seen = new Map<string, Uint8Array | undefined>();
  return {
    read: async (name) => {
      if (!seen.has(name)) seen.set(name, await folder.read(name));
      return seen.get(name);
    },
    write: async (name, bytes) => {
      await folder.write(name, bytes);
      seen.set(name, bytes);
    },
  };
}

/** Files are replaced whole. */
function folderAt(path: string): ReleaseFolder {
  return {
    read: (name) => nodeFileLayer.read(join(path, name)),
    write: (name, bytes) => replaceFile(nodeFileLayer, join(path, name), bytes),
  };
}

/** Starts a repository: version 1 of root and of empty targets. `roles` names the server's online keys too. */
export async function initRelease(
  folder: ReleaseFolder,
  { roles, rootExpiresMs, targetsExpiresMs }: ReleaseSettings,
): Promise<void> {
  if ((await folder.read('root.json')) !== undefined) {
    throw new UpdatesError(
      'updates.repository_invalid',
      'the folder already holds a `root.json`: begin in another, or change keys here with `release rotate`',
    );
  }
  await writeRoot(folder, { version: 1, bytes: draftRoot({ version: 1, expiresMs: rootExpiresMs, roles }) });
  await folder.write('targets.json', draftTargets({ version: 1, expiresMs: targetsExpiresMs }));
}

/**
 * Adds a target and the documents beside it to the next, unsigned version of the targets, or of the list of its product where that is
 * delegated. Documents of an earlier target of
 * the same path go with it.
 */
export async function addToRelease(
  folder: ReleaseFolder,
  change: {
    readonly target: NewTarget;
    readonly documents?: readonly NewTarget[];
    readonly expiresMs: number;
    /** Other bytes at the same path are taken for it. */
    readonly isReplaced?: boolean;
  },
): Promise<void> {
  const { target, documents = [], expiresMs, isReplaced = false } = change;
  const list = await listOfPath(folder, target.path);
  assertProduct(target, list);
  const before = await readNewest(folder, list);
  assertAddable(target, { list: before, isReplaced });
  const remove = documentsOf([target.path], before);
  await folder.write(list, changeTargets(before, { remove, add: [target, ...documents], expiresMs }));
}

/**
 * Withdraws targets with their documents, none or more, and sets a new end: the next, unsigned version of the lists they are in;
 * without paths of the targets, or of the list of a delegated `product`.
 */
export async function expireRelease(
  folder: ReleaseFolder,
  change: { readonly paths: readonly string[]; readonly expiresMs: number; readonly product?: string },
): Promise<void> {
  const { paths, expiresMs, product } = change;
  const lists = new Map<string, string[]>();
  if (paths.length === 0) lists.set(product === undefined ? 'targets.json' : productListName(product), []);
  for (const path of paths) {
    const list = await listOfPath(folder, path);
    lists.set(list, [...(lists.get(list) ?? []), path]);
  }
  const changed = new Map<string, Uint8Array>(); // all of it or nothing: an unknown path throws
  for (const [list, own] of lists) {
    const before = await readNewest(folder, list);
    changed.set(list, removeTargets(before, { paths: [...own, ...documentsOf(own, before)], expiresMs }));
  }
  for (const [list, bytes] of changed) await folder.write(list, bytes);
}

/** What a list has beside these releases, for them alone. */
function documentsOf(paths: readonly string[], list: Uint8Array): readonly string[] {
  const listed = new Map(readTargets(list).map(({ path, custom }) => [path, custom]));
  const possible = paths.flatMap((path) => [
    documentPath(path, 'sbom'),
    documentPath(path, 'provenance'),
    chunkIndexPath(path),
    ...parsePatches(listed.get(path) ?? {}).map(({ base }) => patchPath(path, base)),
  ]);
  return possible.filter((path) => listed.has(path));
}

/** The keys and thresholds of the newest root. */
export async function readRoles(folder: ReleaseFolder): Promise<RootRoles> {
  return rolesOfRoot(await readNewest(folder, 'root.json'));
}

/**
 * Replaces keys, thresholds or the expiry by the next, unsigned root. Old and new root keys must sign it. A root that
 * nobody could follow yet, because its predecessor is not complete, is not made. Others who sign targets have to sign
 * the list anew.
 */
export async function rotateRelease(
  folder: ReleaseFolder,
  { roles, expiresMs }: { readonly roles: RootRoles; readonly expiresMs: number },
): Promise<void> {
  const { bytes: before, version } = await newestRoot(folder);
  const { root, second } = await signRelease(folder, []);
  if (!root.isMet || second?.root?.isMet === false) {
    const message = `root ${version} is not signed yet: complete it before the next one is made`;
    throw new UpdatesError('updates.not_signed', message);
  }
  const next = draftRoot({ version: version + 1, expiresMs, roles });
  await writeRoot(folder, { version: version + 1, bytes: next });
  if (roleText(before) !== roleText(next)) {
    const targets = await readNewest(folder, 'targets.json');
    const { expires } = parseTargets(targets, defaultLimits.targetsBytesMax).signed;
    await expireRelease(folder, { paths: [], expiresMs: Date.parse(expires) });
  }
}

/** Signs whatever of root and targets these keys may sign; none, to see where things stand. */
export async function signRelease(
  folder: ReleaseFolder,
  all: readonly ReleaseSigner[],
): Promise<ReleaseStatus> {
  const signers = all.filter(isFirstSigner);
  const { bytes, version, previous, ids } = await newestRoot(folder);
  const ofRole = (role: 'root' | 'targets') => signers.filter((signer) => ids[role].includes(idOf(signer)));
  const known = [...ids.root, ...ids.targets, ...(await productKeyIds(folder))];
  const stranger = signers.find((signer) => !known.includes(idOf(signer)));
  if (stranger !== undefined) {
    const message = `the root does not name the key \`${idOf(stranger)}\`, and no delegation does`;
    throw new UpdatesError('updates.key_invalid', message);
  }
  const root = await signRoot(bytes, { signers: ofRole('root'), ...(previous && { previous }) });
  const targets = await signTargets(await readNewest(folder, 'targets.json'), {
    signers: ofRole('targets'),
    root: bytes,
  });
  if (ofRole('root').length > 0) await writeRoot(folder, { version, bytes: root.bytes });
  if (ofRole('targets').length > 0) {
    await folder.write('targets.json', targets.bytes);
    if (targets.isMet) await folder.write(signedTargetsName, targets.bytes);
  }
  const second = await signSecond(
    folder,
    all.filter((signer) => !isFirstSigner(signer)),
  );
  const delegated = await signProductLists(folder, signers);
  return { root, targets, ...(second && { second }), ...(delegated.size > 0 && { delegated }) };
}

/** What to send to a server that has published roots up to `publishedRootVersion`; 0 when it has none. */
export async function readUpload(folder: ReleaseFolder, publishedRootVersion: number): Promise<Upload> {
  const { version } = await newestRoot(folder);
  const roots: Uint8Array[] = [];
  const second = new Map<string, Uint8Array>();
  const addSecond = async (name: string, as = name) => {
    const bytes = await folder.read(`${name}${secondSuffix}`);
    if (bytes !== undefined) second.set(as, bytes);
  };
  for (let next = publishedRootVersion + 1; next <= version; next++) {
    roots.push(await readNewest(folder, `${next}.root.json`));
    await addSecond(`${next}.root.json`);
  }
  const targets = await readNewest(folder, 'targets.json');
  const { version: listVersion } = parseTargets(targets, defaultLimits.targetsBytesMax).signed;
  await addSecond('targets.json', `${listVersion}.targets.json`);
  const delegated = await readProductLists(folder);
  return { roots, targets, ...(second.size > 0 && { second }), ...(delegated.size > 0 && { delegated }) };
}

async function newestRoot(folder: ReleaseFolder) {
  const bytes = await readNewest(folder, 'root.json');
  const { signed } = parseRoot(bytes, defaultLimits.rootBytesMax);
  const { version } = signed;
  if (version > rootsMax) throw new UpdatesError('updates.repository_invalid', `more than ${rootsMax} roots`);
  const previous = version > 1 ? await readNewest(folder, `${version - 1}.root.json`) : undefined;
  const before = previous && parseRoot(previous, defaultLimits.rootBytesMax).signed;
  const root = [...(signed.roles.root?.keyIDs ?? []), ...(before?.roles.root?.keyIDs ?? [])];
  return { bytes, version, previous, ids: { root, targets: signed.roles.targets?.keyIDs ?? [] } };
}

async function writeRoot(
  folder: ReleaseFolder,
  { version, bytes }: { readonly version: number; readonly bytes: Uint8Array },
): Promise<void> {
  await folder.write(`${version}.root.json`, bytes);
  await folder.write('root.json', bytes);
}

/** Throws `updates.repository_invalid` when the folder has no such file. */
export async function readNewest(folder: ReleaseFolder, name: string): Promise<Uint8Array> {
  const bytes = await folder.read(name);
  if (bytes !== undefined) return bytes;
  throw new UpdatesError('updates.repository_invalid', `the folder has no \`${name}\`: initialise it first`);
}

/** Who signs targets by a root, the second time too, to be compared. */
function roleText(bytes: Uint8Array): string {
  const root = parseRoot(bytes, defaultLimits.rootBytesMax);
  const roles = [rootRole(root.signed, 'targets'), furtherRole(root, 'mldsa65')];
  return JSON.stringify(roles.map((role) => role && [role.keyIDs.toSorted(), role.threshold]));
}

function idOf({ publicKey }: Signer): string {
  return tufKeyFromSpki(publicKey).keyID;
}
