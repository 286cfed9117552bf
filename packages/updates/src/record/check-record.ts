import { createHash } from 'node:crypto';
import { concatBytes } from '@fleetward/core';
import type { Target } from '../client/target.ts';
import { UpdatesError } from '../errors.ts';
import { documentBytesMax } from './document-json.ts';
import { type ProvenanceSummary, verifyProvenance } from './provenance.ts';
import { documentPath, parseReleaseRecord } from './release-record.ts';
import { parseSbom, type SbomSummary } from './sbom.ts';

/** What a release and the documents it links to came to. */
export interface RecordSummary {
  readonly sbom?: SbomSummary;
  readonly provenance?: ProvenanceSummary;
}

export interface RecordSources {
  /** Every target of the same list, by path: documents are targets beside their release. */
  readonly targetAt: (path: string) => Pick<Target, 'sha256'> | undefined;
  /** The bytes of an artifact, `undefined` when they are not there. */
  readonly read: (sha256: string) => AsyncIterable<Uint8Array> | undefined;
}

type Release = Pick<Target, 'path' | 'sha256' | 'custom'>;

/**
 * Verifies the documents that a release links to: they are listed beside it, they have the linked bytes, the SBOM is one, and the attestation is signed by
 * the key that the release names and is about this artifact. Throws `updates.record_invalid`.
 */
export async function checkRecord(release: Release, sources: RecordSources): Promise<RecordSummary> {
  const { sbom, provenance } = parseReleaseRecord(release.custom);
  const read = (kind: 'sbom' | 'provenance', sha256: string) =>
    readDocument({ path: documentPath(release.path, kind), sha256 }, sources);
  const { sha256 } = release;
  return {
    ...(sbom && { sbom: parseSbom(await read('sbom', sbom)) }),
    ...(provenance && {
      provenance: verifyProvenance(await read('provenance', provenance.sha256), {
        publicKey: provenance.publicKey,
        sha256,
      }),
    }),
  };
}

async function readDocument(
  { path, sha256 }: { readonly path: string; readonly sha256: string },
  { targetAt, read }: RecordSources,
): Promise<Uint8Array> {
  if (targetAt(path)?.sha256 !== sha256)
    throw invalid(`\`${path}\`, which the release links to, is not listed with the SHA-256 ${sha256}`);
  const chunks = read(sha256);
  if (chunks === undefined) throw invalid(`the bytes of \`${path}\` are not there`);
  const bytes = await collect(chunks, path);
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  throw invalid(`\`${path}\` has other bytes than the release links to`);
}

async function collect(chunks: AsyncIterable<Uint8Array>, path: string): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > documentBytesMax) throw invalid(`\`${path}\` has more than ${documentBytesMax} bytes`);
    kept.push(chunk);
  }
  return concatBytes(kept);
}

function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.record_invalid', message);
}
