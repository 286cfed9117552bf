import type { Clock, Sha256, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import type { ArtifactDigests, ArtifactRange, ArtifactStore, KeptArtifact } from './artifact-store.ts';
import { ReleaseError } from './errors.ts';
import type { Published } from './published.ts';
import type { ArtifactRecord, ReleaseStore } from './store.ts';

/** An artifact with the paths of the published targets that name it; none: no device is offered it. */
export interface ListedArtifact extends ArtifactRecord {
  readonly paths: readonly string[];
}

export interface ArtifactUpload {
  readonly sha256: Sha256;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Where the bytes begin: what `receivedBytes` told, or 0 to begin anew. */
  readonly fromByte: number;
  readonly actor: Actor;
}

/** The artifacts that the platform holds, published or not. */
export interface Artifacts {
  /** Devices are offered it once published targets list it. The same bytes are accepted again. Throws `ReleaseError`. */
  upload(upload: ArtifactUpload): Promise<ListedArtifact>;
  /** How much of an unfinished upload is durable. */
  receivedBytes(sha256: Sha256): Promise<number>;
  find(sha256: Sha256): Promise<ListedArtifact | undefined>;
  list(): Promise<readonly ListedArtifact[]>;
  unfinished(): Promise<readonly KeptArtifact[]>;
  /** Removes an artifact that no published targets list, or an unfinished upload. Throws `ReleaseError`. */
  remove(sha256: Sha256, actor: Actor): Promise<void>;
  /** Removes bytes that have lain for long and that nobody was told are there. Resolves to how many. */
  sweep(): Promise<number>;
  read(sha256: Sha256, range: ArtifactRange): AsyncIterable<Uint8Array>;
}

export interface ArtifactParts {
  readonly store: ReleaseStore;
  readonly artifactStore: ArtifactStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** How long an unfinished upload is kept after its last byte. */
  readonly unfinishedMs: number;
  readonly published: () => Published;
  /** Nothing is published while the work goes on. */
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

export function createArtifacts(parts: ArtifactParts): Artifacts {
  const { store, artifactStore, published } = parts;
  return {
    upload: (upload) => takeUpload(parts, upload),
    receivedBytes: (sha256) => artifactStore.receivedBytes(sha256),
    find: async (sha256) => {
      const record = await store.findArtifact(sha256);
      return record && withPaths(record, published());
    },
    list: async () => (await store.listArtifacts()).map((record) => withPaths(record, published())),
    unfinished: async () => (await artifactStore.list()).filter(({ isWhole }) => !isWhole),
    remove: (sha256, actor) => parts.inTurn(() => removeArtifact(parts, { sha256, actor })),
    sweep: () => parts.inTurn(() => sweep(parts)),
    read: (sha256, range) => artifactStore.read(sha256, range),
  };
}

function withPaths(record: ArtifactRecord, { targets }: Published): ListedArtifact {
  const listed = [...targets.values()].filter(({ sha256 }) => sha256 === record.sha256);
  return { ...record, paths: listed.map(({ path }) => path) };
}

/** The bytes are durable first, then the record: a record without bytes cannot be. */
async function takeUpload(parts: ArtifactParts, upload: ArtifactUpload): Promise<ListedArtifact> {
  const { sha256, bytes, fromByte, actor } = upload;
  const digests = await parts.artifactStore.put(sha256, { bytes, fromByte });
  return parts.inTurn(() => recordUpload(parts, { digests, actor }));
}

async function recordUpload(
  { store, artifactStore, transactor, trail, clock, published }: ArtifactParts,
  { digests, actor }: { readonly digests: ArtifactDigests; readonly actor: Actor },
): Promise<ListedArtifact> {
  const { sha256, lengthBytes } = digests;
  const isThere = (await artifactStore.list()).some((kept) => kept.isWhole && kept.sha256 === sha256);
  if (!isThere) throw new ReleaseError('releases.superseded', 'the artifact was removed in the meantime');
  const known = await store.findArtifact(sha256);
  if (known?.sha1 !== undefined) return withPaths(known, published());
  const record = { ...digests, storedAtMs: known?.storedAtMs ?? clock.now() };
  await transactor.transact(async (tx) => {
    await store.addArtifact(tx, record);
    await trail.append(tx, { kind: 'release.artifact_stored', actor, payload: { sha256, lengthBytes } });
  });
  return withPaths(record, published());
}

/** The record goes first: bytes that are left behind are swept, a record without bytes would be offered. */
async function removeArtifact(
  { store, artifactStore, transactor, trail, published }: ArtifactParts,
  { sha256, actor }: { readonly sha256: Sha256; readonly actor: Actor },
): Promise<void> {
  const record = await store.findArtifact(sha256);
  const [path] = record === undefined ? [] : withPaths(record, published()).paths;
  if (path !== undefined) throw listed(sha256, path);
  const isKept = (await artifactStore.list()).some((kept) => !kept.isWhole && kept.sha256 === sha256);
  if (record === undefined && !isKept)
    throw new ReleaseError('releases.not_found', `there is no artifact \`${sha256}\``);
  if (record !== undefined) {
    await transactor.transact(async (tx) => {
      await store.removeArtifact(tx, sha256);
      await trail.append(tx, { kind: 'release.artifact_removed', actor, payload: { sha256 } });
    });
  }
  await artifactStore.remove(sha256);
}

function listed(sha256: Sha256, path: string): ReleaseError {
  return new ReleaseError(
    'releases.artifact_listed',
    `\`${sha256}\` is \`${path}\` of the published targets: publish targets without it first`,
    { details: { path } },
  );
}

/** Unfinished uploads, and what was whole when the power went before its record was durable. */
async function sweep({ store, artifactStore, clock, unfinishedMs }: ArtifactParts): Promise<number> {
  let removed = 0;
  for (const { sha256, isWhole, changedAtMs } of await artifactStore.list()) {
    if (clock.now() - changedAtMs < unfinishedMs) continue;
    if (isWhole && (await store.findArtifact(sha256)) !== undefined) continue;
    await artifactStore.remove(sha256);
    removed++;
  }
  return removed;
}
