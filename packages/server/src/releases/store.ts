import type { Sha256, Transaction } from '@fleetward/core';

/** One signed TUF metadata file, as served: `name` is the role (`root`, `targets`, `snapshot`, `timestamp`, or a delegation). */
export interface MetadataFile {
  readonly name: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly storedAtMs: number;
}

/** An artifact whose bytes are whole in the artifact store. */
export interface ArtifactRecord {
  readonly sha256: Sha256;
  /** Not of an artifact that was stored before these were recorded. */
  readonly sha1?: string;
  readonly md5?: string;
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
  /** Idempotent: what is recorded stays; SHA-1 and MD5 are added where they are missing. */
  addArtifact(tx: Transaction, artifact: ArtifactRecord): Promise<void>;
  removeArtifact(tx: Transaction, sha256: Sha256): Promise<void>;
  findArtifact(sha256: Sha256): Promise<ArtifactRecord | undefined>;
  listArtifacts(): Promise<readonly ArtifactRecord[]>;
}
