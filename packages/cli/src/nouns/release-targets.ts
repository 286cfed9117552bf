import { type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { metadataBytesMax } from '@fleetward/protocol';
import { parseRelease, type Release } from '@fleetward/updates';

/** One artifact of a list of releases. */
export interface ListedTarget {
  readonly path: string;
  readonly lengthBytes: number;
  readonly sha256: string;
  readonly release?: Release;
}

/**
 * What a `targets.json` lists. It is read for showing and for finding artifacts: signatures are checked by the platform
 * and by every device, not here.
 */
export function listTargets(bytes: Uint8Array): readonly ListedTarget[] {
  const document = parseStrictJson(bytes, { bytesMax: metadataBytesMax, depthMax: 16 });
  const targets = objectOf(objectOf(objectOf(document).signed).targets);
  return Object.entries(targets).map(([path, target]) => listedTarget(path, objectOf(target)));
}

function listedTarget(path: string, target: JsonObject): ListedTarget {
  const release = parseRelease(objectOf(target.custom));
  return {
    path,
    lengthBytes: Number(target.length),
    sha256: String(objectOf(target.hashes).sha256),
    ...(release === undefined ? {} : { release }),
  };
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
