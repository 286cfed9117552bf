import { type JsonObject, parseSha256, type Sha256 } from '@fleetward/core';
import type { TargetFile } from '@tufjs/models';

/** One file that the trusted metadata offers. */
export interface Target {
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  readonly sha256: Sha256;
  /** What the signer said about it; `parseRelease` reads ours. */
  readonly custom: JsonObject;
}

export function targetOf(file: TargetFile): Target {
  const { path, length } = file;
  // The model types `custom` loosely; it came from the strict JSON parser.
  const custom = file.custom as JsonObject;
  return { path, length, sha256: parseSha256(file.hashes.sha256), custom };
}
