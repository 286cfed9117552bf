import type { Sha256 } from '@fleetward/core';

/** What the bytes of an artifact came to, in hexadecimal. SHA-1 and MD5 are for clients that ask for them; nothing here trusts them. */
export interface ArtifactDigests {
  readonly lengthBytes: number;
  readonly sha256: Sha256;
  readonly sha1: string;
  readonly md5: string;
}

/** Both ends are included; an empty range has its end before its start. */
export interface ArtifactRange {
  readonly start: number;
  readonly end: number;
}

/** What is kept under a SHA-256: all of it, or what came of an upload that may still go on. */
export interface KeptArtifact {
  readonly sha256: Sha256;
  readonly isWhole: boolean;
  readonly lengthBytes: number;
  readonly changedAtMs: number;
}

/** The bytes of artifacts by their SHA-256: what can be read is whole and right. */
export interface ArtifactStore {
  /** How many bytes of an unfinished upload are durable now; 0 when there is none. */
  receivedBytes(sha256: Sha256): Promise<number>;
  /**
   * Takes the bytes from `fromByte` on, of which the store has those before. Resolves once all are durable under their name. When
   * the source breaks off, what came is kept for the next attempt; bytes that are no good, or do not fit, are not. Throws `ReleaseError`.
   */
  put(
    sha256: Sha256,
    upload: { readonly bytes: AsyncIterable<Uint8Array>; readonly fromByte: number },
  ): Promise<ArtifactDigests>;
  /** Each piece is valid only until the next one is asked for: its memory is used again. */
  read(sha256: Sha256, range: ArtifactRange): AsyncIterable<Uint8Array>;
  list(): Promise<readonly KeptArtifact[]>;
  /** Removes what is kept, whole or not; an upload under way is refused with `ReleaseError`. */
  remove(sha256: Sha256): Promise<void>;
}
