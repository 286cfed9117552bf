import { type JsonObject, parseSha256, type Sha256, toBase64 } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { isObject } from '../metadata/envelope.ts';
import { type AwsOtaSigning, awsOtaOf, isAwsOtaSigning, memberOfAwsOta } from './aws-ota.ts';
import { bytesOfMember } from './base64-member.ts';

/** What a release tells people, auditors and devices of other makers of itself, signed with it; devices of ours decide without it. */
export interface ReleaseRecord {
  readonly changelog?: string;
  /** The last day of its support, `YYYY-MM-DD`. */
  readonly supportUntil?: string;
  /** SHA-256 of a CycloneDX document that is a target beside it, see `documentPath`. */
  readonly sbom?: Sha256;
  readonly provenance?: ProvenanceLink;
  readonly awsOta?: AwsOtaSigning;
}

export interface ProvenanceLink {
  /** SHA-256 of the attestation, a target beside the release. */
  readonly sha256: Sha256;
  /** The key that made it (SubjectPublicKeyInfo, DER): named by who signs the release, not by the attestation. */
  readonly publicKey: Uint8Array;
}

/** Documents that a release links to by their SHA-256. */
export type DocumentKind = 'sbom' | 'provenance';

export const changelogCharactersMax = 4096;
const publicKeyBytesMax = 2048;

/** The target path of a document beside its release. */
export function documentPath(releasePath: string, kind: DocumentKind): string {
  return `${releasePath}.${kind}.json`;
}

/** The members of a release's `custom` field; refuses what `parseReleaseRecord` would not read. */
export function customOfRecord(record: ReleaseRecord): JsonObject {
  const { changelog, supportUntil, sbom, provenance, awsOta } = record;
  if (changelog !== undefined && !isChangelog(changelog))
    throw invalid(`a changelog has 1 to ${changelogCharactersMax} characters; link to a longer one`);
  if (supportUntil !== undefined && !isDay(supportUntil))
    throw invalid(`\`${supportUntil}\` is not a day like \`2031-12-31\``);
  if (awsOta !== undefined && !isAwsOtaSigning(awsOta))
    throw invalid(
      'for AWS OTA a release has an ECDSA P-256 signature in DER, and a certificate name of 1 to 128 ASCII characters without `"` and `\\`',
    );
  return {
    ...(changelog !== undefined && { changelog }),
    ...(supportUntil !== undefined && { supportUntil }),
    ...(sbom !== undefined && { sbom: { sha256: sbom } }),
    ...(provenance !== undefined && {
      provenance: { sha256: provenance.sha256, publicKey: toBase64(provenance.publicKey) },
    }),
    ...(awsOta !== undefined && { awsOta: memberOfAwsOta(awsOta) }),
  };
}

/** Reads the record out of a target's `custom` field. A member that is not of its form is left out: no device hangs on it. */
export function parseReleaseRecord(custom: JsonObject): ReleaseRecord {
  const { changelog, supportUntil, sbom, provenance } = custom;
  const sbomSha256 = isObject(sbom) ? sha256Of(sbom) : undefined;
  const link = isObject(provenance) ? provenanceLink(provenance) : undefined;
  const awsOta = awsOtaOf(custom.awsOta);
  return {
    ...(isChangelog(changelog) && { changelog }),
    ...(isDay(supportUntil) && { supportUntil }),
    ...(sbomSha256 && { sbom: sbomSha256 }),
    ...(link && { provenance: link }),
    ...(awsOta && { awsOta }),
  };
}

function provenanceLink(member: JsonObject): ProvenanceLink | undefined {
  const sha256 = sha256Of(member);
  const publicKey = bytesOfMember(member.publicKey, publicKeyBytesMax);
  return sha256 && publicKey && publicKey.length > 0 ? { sha256, publicKey } : undefined;
}

function sha256Of({ sha256 }: JsonObject): Sha256 | undefined {
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? parseSha256(sha256) : undefined;
}

function isChangelog(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= changelogCharactersMax;
}

function isDay(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value);
}

function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.record_invalid', message);
}
