import { createHash } from 'node:crypto';
import { parseSha256 } from '@fleetward/core';
import type { ArtifactDigests } from './artifact-store.ts';

/** Hashes an artifact in one pass; `lengthBytes` counts what it was given. */
export interface ArtifactHash {
  readonly lengthBytes: number;
  update(chunk: Uint8Array): void;
  /** Once, at the end. */
  digests(): ArtifactDigests;
}

export function createArtifactHash(): ArtifactHash {
  const hashes = [createHash('sha256'), createHash('sha1'), createHash('md5')] as const;
  let lengthBytes = 0;
  return {
    get lengthBytes() {
      return lengthBytes;
    },
    update(chunk) {
      lengthBytes += chunk.length;
      for (const hash of hashes) hash.update(chunk);
    },
    digests() {
      const [sha256, sha1, md5] = hashes;
      return {
        lengthBytes,
        sha256: parseSha256(sha256.digest('hex')),
        sha1: sha1.digest('hex'),
        md5: md5.digest('hex'),
      };
    },
  };
}
