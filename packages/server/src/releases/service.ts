import type { Clock, Transaction, Transactor } from '@fleetward/core';
import {
  type OnlineSettings,
  type OnlineSigners,
  type PublishedState,
  type PublishOutcome,
  publish,
  type Upload,
} from '@fleetward/updates';
import type { Actor, Trail } from '../trail/index.ts';
import type { ArtifactStore } from './artifact-store.ts';
import { type Artifacts, createArtifacts } from './artifacts.ts';
import { checkRecords } from './check-records.ts';
import { ReleaseError } from './errors.ts';
import { loadPublished, type Published, publishedOf, topRoles, withoutPublished } from './published.ts';
import {
  type ListedTarget,
  type PublishedRelease,
  parseMetadataName,
  type RoleVersion,
  releaseBehind,
  roleOf,
} from './rules.ts';
import type { MetadataFile, ReleaseStore } from './store.ts';
import { createTurns } from './turn.ts';

export interface ReleaseService {
  readonly artifacts: Artifacts;
  /** Verifies what was signed offline, signs snapshot and timestamp, and puts all in force at once. Throws `ReleaseError`. */
  publish(upload: Upload, actor: Actor): Promise<readonly RoleVersion[]>;
  /** Signs a new timestamp, and a new snapshot when due; `undefined` while nothing is published. */
  refreshTimestamp(): Promise<readonly RoleVersion[] | undefined>;
  roles(): readonly RoleVersion[];
  /** A published metadata file by its name, such as `1.root.json`. */
  metadataFile(file: string): Promise<MetadataFile | undefined>;
  /** A target of the newest targets metadata by its consistent-snapshot name, decoded. */
  target(name: string): ListedTarget | undefined;
  /** The release that decides on who may fetch a target. */
  releaseBehind(target: ListedTarget): ListedTarget;
  /** From memory: what the newest targets metadata offers. */
  releases(): readonly PublishedRelease[];
  /** The release of this target path, from memory. */
  release(path: string): PublishedRelease | undefined;
}

export interface ReleaseServiceParts {
  readonly store: ReleaseStore;
  readonly artifactStore: ArtifactStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly signers: OnlineSigners;
  readonly settings: OnlineSettings & { readonly unfinishedUploadMs: number };
}

interface Shelf {
  current: Published;
}

const publicationsWaitingMax = 16;

/** Artifacts and their signed metadata. The server can neither make a release nor change one: it holds no key for that. */
export async function openReleaseService(parts: ReleaseServiceParts): Promise<ReleaseService> {
  const { store } = parts;
  const shelf: Shelf = { current: await loadPublished(store) };
  const inTurn = createTurns(publicationsWaitingMax, () => superseded('too many publications wait'));
  return {
    artifacts: createArtifacts({
      ...parts,
      unfinishedMs: parts.settings.unfinishedUploadMs,
      published: () => shelf.current,
      inTurn,
    }),
    publish: (upload, actor) => inTurn(() => publishUpload(parts, shelf, { upload, actor })),
    refreshTimestamp: () => inTurn(() => refreshTimestamp(parts, shelf)),
    roles: () => shelf.current.roles,
    metadataFile: (file) => findMetadataFile(store, file),
    target: (name) => shelf.current.targets.get(name),
    releaseBehind: (target) => releaseBehind(target, shelf.current.targets.values()),
    releases: () => [...shelf.current.releases.values()],
    release: (path) => shelf.current.releases.get(path),
  };
}

async function publishUpload(
  parts: ReleaseServiceParts,
  shelf: Shelf,
  request: { readonly upload: Upload; readonly actor: Actor },
): Promise<readonly RoleVersion[]> {
  const { store } = parts;
  const upload = await withoutPublished(request.upload, { published: shelf.current, store });
  const isRepeated =
    upload.roots.length === 0 && upload.targets === undefined && (upload.delegated?.size ?? 0) === 0;
  if (isRepeated && shelf.current.roles.length > 0) return shelf.current.roles;
  return putInForce(parts, shelf, { ...request, upload });
}

async function refreshTimestamp(
  parts: ReleaseServiceParts,
  shelf: Shelf,
): Promise<readonly RoleVersion[] | undefined> {
  if (shelf.current.roles.length === 0) return undefined;
  return putInForce(parts, shelf, { upload: { roots: [] }, actor: { kind: 'system' } });
}

/** Signing comes before the transaction; inside it only what it was based on is checked again. */
async function putInForce(
  parts: ReleaseServiceParts,
  shelf: Shelf,
  request: { readonly upload: Upload; readonly actor: Actor },
): Promise<readonly RoleVersion[]> {
  const { store, clock, signers, settings } = parts;
  const base = shelf.current;
  const outcome = await publish({ published: base.state, upload: request.upload, signers, clock, settings });
  if (outcome.kind !== 'published') throw refused(outcome);
  const next = publishedOf(
    outcome.state,
    [...Object.entries(outcome.versions), ...outcome.delegatedVersions].map(([name, version]) => ({
      name,
      version,
    })),
  );
  await checkArtifacts(store, next);
  await checkRecords(parts.artifactStore, { before: listsOf(base.state), next: listsOf(outcome.state) });
  const storedAtMs = clock.now();
  const files = outcome.files.map((file) => ({
    ...roleOf(file, outcome.versions),
    bytes: file.bytes,
    storedAtMs,
  }));
  try {
    await parts.transactor.transact((tx) =>
      record(parts, tx, { base, files, shelf, next, actor: request.actor }),
    );
  } catch (cause) {
    // Another node may have published: the next attempt starts from what is in force.
    shelf.current = await loadPublished(store);
    throw cause;
  }
  return next.roles;
}

async function record(
  { store, trail }: ReleaseServiceParts,
  tx: Transaction,
  change: {
    readonly base: Published;
    readonly files: readonly MetadataFile[];
    readonly shelf: Shelf;
    readonly next: Published;
    readonly actor: Actor;
  },
): Promise<void> {
  const { base, files, shelf, next, actor } = change;
  const roleNames: readonly string[] = topRoles;
  const isTop = ({ name }: RoleVersion) => roleNames.includes(name); // no list changes without a new snapshot
  if (!isSame((await store.latestVersions(tx)).filter(isTop), base.roles.filter(isTop))) {
    throw superseded('other metadata was published in the meantime: look at it and try again');
  }
  for (const file of files) await store.addMetadata(tx, file);
  const roles = files.map(({ name, version }) => ({ name, version }));
  await trail.append(tx, { kind: 'release.metadata_published', actor, payload: { roles } });
  tx.afterCommit(() => {
    shelf.current = next;
  });
}

function listsOf({ targets, delegated }: PublishedState): readonly Uint8Array[] {
  return targets === undefined ? [] : [targets, ...(delegated?.values() ?? [])];
}

function isSame(a: readonly RoleVersion[], b: readonly RoleVersion[]): boolean {
  const text = (roles: readonly RoleVersion[]) =>
    roles
      .map(({ name, version }) => `${name}:${version}`)
      .sort()
      .join();
  return text(a) === text(b);
}

/** Metadata that lists what nobody can download would strand every device that follows it. */
async function checkArtifacts(store: ReleaseStore, next: Published): Promise<void> {
  const missing: string[] = [];
  for (const target of next.targets.values()) {
    const artifact = await store.findArtifact(target.sha256);
    if (artifact?.lengthBytes !== target.lengthBytes) missing.push(target.path);
  }
  if (missing.length === 0) return;
  throw new ReleaseError(
    'releases.artifact_missing',
    `upload the artifacts first: \`${missing.slice(0, 10).join('`, `')}\` of ${missing.length} missing`,
    { details: { missing: missing.slice(0, 100) } },
  );
}

function refused(outcome: Exclude<PublishOutcome, { readonly kind: 'published' }>): ReleaseError {
  const step = outcome.kind === 'refused' ? `TUF ${outcome.step}, ${outcome.subject}: ` : '';
  return new ReleaseError('releases.metadata_refused', `${step}${outcome.explanation}`, {
    details: { ...outcome },
  });
}

function superseded(message: string): ReleaseError {
  return new ReleaseError('releases.superseded', message);
}

async function findMetadataFile(store: ReleaseStore, file: string): Promise<MetadataFile | undefined> {
  const asked = parseMetadataName(file);
  if (asked === undefined) return undefined;
  const { name, version } = asked;
  return version === undefined ? store.latestMetadata(name) : store.findMetadata({ name, version });
}
