import type { Sha256, Transaction } from '@fleetward/core';

/** One signed TUF metadata file, as served: `name` is the role (`root`, `targets`, `snapshot`, `timestamp`, or a delegation). */
export interface MetadataFile {
  readonly name: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly storedAtMs: number;
}

/** An artifact whose bytes are complete in the content-addressed folder. */
export interface ArtifactRecord {
  readonly sha256: Sha256;
  readonly lengthBytes: number;
  readonly storedAtMs: number;
}

export interface ReleaseStore {
  /** Refuses a version that exists with other bytes with `StoreError` `store.conflict`; the same bytes are accepted again. */
  addMetadata(tx: Transaction, file: MetadataFile): Promise<void>;
  latestMetadata(name: string, tx?: Transaction): Promise<MetadataFile | undefined>;
  findMetadata(file: { readonly name: string; readonly version: number }): Promise<MetadataFile | undefined>;
  /** Name and newest version of every role. */
  latestVersions(tx?: Transaction): Promise<readonly { readonly name: string; readonly version: number }[]>;
  /** Idempotent. */
  addArtifact(tx: Transaction, artifact: ArtifactRecord): Promise<void>;
  findArtifact(sha256: Sha256): Promise<ArtifactRecord | undefined>;
  listArtifacts(): Promise<readonly ArtifactRecord[]>;
}
