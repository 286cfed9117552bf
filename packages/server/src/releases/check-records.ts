import { canonicalJson } from '@fleetward/core';
import { checkRecord, documentPath, isUpdatesError, readTargets, type Target } from '@fleetward/updates';
import type { ArtifactStore } from './artifact-store.ts';
import { ReleaseError } from './errors.ts';

/**
 * The documents that releases link to, of those that are new or changed, or whose documents are: an SBOM that is none, or an attestation by another key or about other bytes, is
 * not published. Every artifact is there already. Throws `ReleaseError`.
 */
export async function checkRecords(
  artifactStore: Pick<ArtifactStore, 'read'>,
  { before, next }: { readonly before: Uint8Array | undefined; readonly next: Uint8Array },
): Promise<void> {
  const targets = byPath(next);
  const earlier = before === undefined ? new Map<string, Target>() : byPath(before);
  const read = (sha256: string) => readWhole(artifactStore, [...targets.values()], sha256);
  for (const release of targets.values()) {
    if (withDocuments(release.path, targets) === withDocuments(release.path, earlier)) continue;
    try {
      await checkRecord(release, { targetAt: (path) => targets.get(path), read });
    } catch (cause) {
      if (!isUpdatesError(cause)) throw cause;
      const message = `\`${release.path}\`: ${cause.message}`;
      throw new ReleaseError('releases.record_refused', message, { cause, details: { path: release.path } });
    }
  }
}

function byPath(targets: Uint8Array): ReadonlyMap<string, Target> {
  return new Map(readTargets(targets).map((target) => [target.path, target]));
}

/** A release and what is listed beside it: one that stays as it is may lose its document, or be given another. */
function withDocuments(path: string, targets: ReadonlyMap<string, Target>): string {
  const paths = [path, documentPath(path, 'sbom'), documentPath(path, 'provenance')];
  return canonicalJson(paths.map((each) => targets.get(each) ?? null));
}

function readWhole(artifactStore: Pick<ArtifactStore, 'read'>, targets: readonly Target[], sha256: string) {
  const target = targets.find((other) => other.sha256 === sha256);
  return target && artifactStore.read(target.sha256, { start: 0, end: target.length - 1 });
}
