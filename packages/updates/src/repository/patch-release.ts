import type { Target } from '../client/target.ts';
import { UpdatesError } from '../errors.ts';
import { customOfPatches, type PatchLink, parsePatches, patchPath } from '../patches/patch-list.ts';
import { changeTargets } from './draft.ts';
import { listOfPath } from './product-lists.ts';
import { readTargets } from './read-targets.ts';
import { type ReleaseFolder, readNewest } from './release-folder.ts';

/** A patch from one image to the release at `path`. */
export interface NewPatch {
  readonly path: string;
  readonly link: PatchLink;
  /** Unix milliseconds: the new end of the list. */
  readonly expiresMs: number;
}

/** Lists a patch beside its release, which names it: the next, unsigned version of the list that has the release. */
export async function patchRelease(
  folder: ReleaseFolder,
  { path, link, expiresMs }: NewPatch,
): Promise<void> {
  const list = await listOfPath(folder, path);
  const before = await readNewest(folder, list);
  const release = findTarget(before, path);
  const others = parsePatches(release.custom).filter(({ base }) => base.sha256 !== link.base.sha256);
  const custom = { ...release.custom, ...customOfPatches([...others, link]) };
  const { sha256, length } = link;
  const patch = { path: patchPath(path, link.base), sha256, length, custom: { document: 'patch' } };
  const add = [{ ...release, custom }, patch];
  await folder.write(list, changeTargets(before, { remove: [], add, expiresMs }));
}

function findTarget(list: Uint8Array, path: string): Target {
  const found = readTargets(list).find((target) => target.path === path);
  if (found !== undefined) return found;
  throw new UpdatesError('updates.target_invalid', `there is no target \`${path}\``);
}
