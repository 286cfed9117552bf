import { type JsonObject, parseSha256, type Sha256, toBase64 } from '@fleetward/core';
import {
  chunkIndexPath,
  type DocumentKind,
  documentPath,
  parsePatches,
  parseReleaseRecord,
  patchPath,
} from '@fleetward/updates';
import { consistentName, type ListedTarget, type PublishedRelease } from './rules.ts';
import type { ReleaseService } from './service.ts';

type Listed = Pick<ReleaseService, 'target'>;

/** What a list of releases says of one. */
export function summaryOf(releases: Listed, release: PublishedRelease) {
  const { path, lengthBytes, sha256, custom = {} } = release;
  const { component = 'firmware', hardware, ...rest } = release.release;
  const { supportUntil, provenance } = parseReleaseRecord(custom);
  const sbom = documentOf(releases, { release, kind: 'sbom' });
  const attestation = documentOf(releases, { release, kind: 'provenance' });
  return {
    ...{ path, lengthBytes, sha256, component, ...rest, hardware: [...hardware] },
    ...(supportUntil !== undefined && { supportUntil }),
    ...(sbom && { sbom: fileOf(sbom) }),
    ...(attestation &&
      provenance && { provenance: { ...fileOf(attestation), publicKey: toBase64(provenance.publicKey) } }),
  };
}

/** All that is known of it: what it says of itself, and what stands beside it. */
export function describeRelease(releases: Listed, release: PublishedRelease) {
  const { path, custom = {} } = release;
  const { changelog, awsOta } = parseReleaseRecord(custom);
  const index = chunksOf(releases, release);
  const patches = parsePatches(custom).flatMap(({ base, sha256 }) => {
    const patch = findTarget(releases, { path: patchPath(path, base), sha256 });
    return patch === undefined ? [] : [{ ...fileOf(patch), fromSha256: base.sha256 }];
  });
  return {
    ...summaryOf(releases, release),
    ...(changelog !== undefined && { changelog }),
    ...(awsOta && { awsOta: { ...awsOta, signature: toBase64(awsOta.signature) } }),
    ...(index && { chunks: fileOf(index) }),
    patches,
  };
}

/** The target that a release links to: it has the digest that was signed for with the release. */
export function documentOf(
  releases: Listed,
  { release, kind }: { readonly release: PublishedRelease; readonly kind: DocumentKind },
): ListedTarget | undefined {
  const record = parseReleaseRecord(release.custom ?? {});
  const sha256 = kind === 'sbom' ? record.sbom : record.provenance?.sha256;
  return sha256 && findTarget(releases, { path: documentPath(release.path, kind), sha256 });
}

function chunksOf(releases: Listed, { path, custom = {} }: PublishedRelease): ListedTarget | undefined {
  const { sha256 } = (custom.chunks ?? {}) as JsonObject;
  const isDigest = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
  return isDigest
    ? findTarget(releases, { path: chunkIndexPath(path), sha256: parseSha256(sha256) })
    : undefined;
}

function findTarget(
  releases: Listed,
  { path, sha256 }: { readonly path: string; readonly sha256: Sha256 },
): ListedTarget | undefined {
  return releases.target(consistentName({ path, sha256 }));
}

function fileOf({ path, sha256, lengthBytes }: ListedTarget) {
  return { path, sha256, lengthBytes };
}
