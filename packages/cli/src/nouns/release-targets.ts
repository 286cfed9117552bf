import {
  parseRelease,
  parseReleaseRecord,
  type Release,
  type ReleaseRecord,
  readTargets,
} from '@fleetward/updates';

/** One artifact of a list of releases. */
export interface ListedTarget {
  readonly path: string;
  readonly lengthBytes: number;
  readonly sha256: string;
  readonly release?: Release;
  readonly record: ReleaseRecord;
}

/**
 * What a `targets.json` lists. It is read for showing and for finding artifacts: signatures are checked by the platform
 * and by every device, not here.
 */
export function listTargets(bytes: Uint8Array): readonly ListedTarget[] {
  return readTargets(bytes).map(({ path, length, sha256, custom }) => {
    const release = parseRelease(custom);
    const record = parseReleaseRecord(custom);
    return { path, lengthBytes: length, sha256, ...(release && { release }), record };
  });
}
