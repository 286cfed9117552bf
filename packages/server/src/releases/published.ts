import { equalBytes } from '@fleetward/core';
import { type PublishedState, readDelegatedNames, secondSuffix, type Upload } from '@fleetward/updates';
import {
  consistentName,
  isRelease,
  type ListedTarget,
  listTargets,
  type PublishedRelease,
  type RoleVersion,
} from './rules.ts';
import type { MetadataFile, ReleaseStore } from './store.ts';

export const topRoles = ['root', 'targets', 'snapshot', 'timestamp'] as const;

/** What devices are offered now: the newest file of each role, and the targets by the names devices ask for. */
export interface Published {
  readonly state: PublishedState;
  readonly roles: readonly RoleVersion[];
  readonly targets: ReadonlyMap<string, ListedTarget>;
  /** The releases among them, by their path. */
  readonly releases: ReadonlyMap<string, PublishedRelease>;
}

/** Reads it back from the store, at start and when another node has published. */
export async function loadPublished(store: ReleaseStore): Promise<Published> {
  const files: MetadataFile[] = [];
  for (const name of topRoles) {
    const file = await store.latestMetadata(name);
    if (file !== undefined) files.push(file);
  }
  const bytesOf = (name: string) => files.find((file) => file.name === name)?.bytes;
  const state = Object.fromEntries(topRoles.flatMap((name) => pairOf(name, bytesOf(name))));
  const lists = await delegatedOf(store, bytesOf('targets'));
  const delegated = new Map(lists.map(({ name, bytes }) => [name, bytes]));
  const whole = { ...state, delegated, ...(await secondOf(store, files)) };
  return publishedOf(whole, [...files, ...lists]);
}

/** The newest list of every role that the targets delegate to: its versions only rise, also over a time without the delegation. */
async function delegatedOf(
  store: ReleaseStore,
  targets: Uint8Array | undefined,
): Promise<readonly MetadataFile[]> {
  const files: MetadataFile[] = [];
  for (const name of targets === undefined ? [] : readDelegatedNames(targets)) {
    const file = await store.latestMetadata(name);
    if (file !== undefined) files.push(file);
  }
  return files;
}

/** The second signature of the newest targets, if they have one. */
async function secondOf(
  store: ReleaseStore,
  files: readonly MetadataFile[],
): Promise<Pick<PublishedState, 'targetsSecond'>> {
  const version = files.find(({ name }) => name === 'targets')?.version;
  if (version === undefined) return {};
  const file = await store.findMetadata({ name: `targets${secondSuffix}`, version });
  return file === undefined ? {} : { targetsSecond: file.bytes };
}

function pairOf(name: string, bytes: Uint8Array | undefined): readonly (readonly [string, Uint8Array])[] {
  return bytes === undefined ? [] : [[name, bytes]];
}

export function publishedOf(state: PublishedState, roles: readonly RoleVersion[]): Published {
  const lists = state.targets === undefined ? [] : [state.targets, ...(state.delegated?.values() ?? [])];
  // As devices do: of several that list a path the first wins.
  const byPath = new Map(
    lists.toReversed().flatMap((list) => listTargets(list).map((one) => [one.path, one])),
  );
  const targets = [...byPath.values()];
  return {
    state,
    roles: roles.map(({ name, version }) => ({ name, version })),
    targets: new Map(targets.map((target) => [consistentName(target), target])),
    releases: new Map(targets.filter(isRelease).map((release) => [release.path, release])),
  };
}

/**
 * What of an upload is not published yet. An engineer whose answer was lost sends the same again, and must get the answer
 * rather than a refusal.
 */
export async function withoutPublished(
  upload: Upload,
  options: { readonly published: Published; readonly store: ReleaseStore },
): Promise<Upload> {
  const { published, store } = options;
  const { root, targets } = published.state;
  const newest = published.roles.find(({ name }) => name === 'root')?.version ?? 0;
  const stored = await storedRoots(store, { newest, count: upload.roots.length });
  const known = [...stored, ...(root === undefined ? [] : [root])];
  const roots = upload.roots.filter((bytes) => !known.some((other) => equalBytes(other, bytes)));
  const isNew =
    upload.targets !== undefined && (targets === undefined || !equalBytes(targets, upload.targets));
  const { second } = upload;
  const delegated = new Map(
    [...(upload.delegated ?? [])].filter(([name, bytes]) => {
      const before = published.state.delegated?.get(name);
      return before === undefined || !equalBytes(before, bytes);
    }),
  );
  return { roots, ...(isNew ? { targets: upload.targets } : {}), ...(second && { second }), delegated };
}

/** The newest `count` roots and no more: a repeated upload is of the newest. */
async function storedRoots(
  store: ReleaseStore,
  range: { readonly newest: number; readonly count: number },
): Promise<readonly Uint8Array[]> {
  const roots: Uint8Array[] = [];
  for (let version = range.newest; version > Math.max(0, range.newest - range.count); version--) {
    const file = await store.findMetadata({ name: 'root', version });
    if (file !== undefined) roots.push(file.bytes);
  }
  return roots;
}
