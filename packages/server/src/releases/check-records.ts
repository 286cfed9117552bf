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
  lists: { readonly before: readonly Uint8Array[]; readonly next: readonly Uint8Array[] },
): Promise<void> {
  const earlier = byPath(lists.before);
  for (const list of lists.next) await checkList(artifactStore, { list, earlier });
}

/** Documents stand in the list of their release: they are signed for by the same people. */
async function checkList(
  artifactStore: Pick<ArtifactStore, 'read'>,
  { list, earlier }: { readonly list: Uint8Array; readonly earlier: ReadonlyMap<string, Target> },
): Promise<void> {
  const targets = byPath([list]);
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

function byPath(lists: readonly Uint8Array[]): ReadonlyMap<string, Target> {
  return new Map(lists.flatMap(readTargets).map((target) => [target.path, target]));
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
