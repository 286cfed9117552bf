import { fromBase64, type JsonObject, parseSha256, type Sha256, toBase64 } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { isObject } from '../metadata/envelope.ts';

/** What a release tells people and auditors of itself, signed with it; devices decide without it. */
export interface ReleaseRecord {
  readonly changelog?: string;
  /** The last day of its support, `YYYY-MM-DD`. */
  readonly supportUntil?: string;
  /** SHA-256 of a CycloneDX document that is a target beside it, see `documentPath`. */
  readonly sbom?: Sha256;
  readonly provenance?: ProvenanceLink;
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
  const { changelog, supportUntil, sbom, provenance } = record;
  if (changelog !== undefined && !isChangelog(changelog))
    throw invalid(`a changelog has 1 to ${changelogCharactersMax} characters; link to a longer one`);
  if (supportUntil !== undefined && !isDay(supportUntil))
    throw invalid(`\`${supportUntil}\` is not a day like \`2031-12-31\``);
  return {
    ...(changelog !== undefined && { changelog }),
    ...(supportUntil !== undefined && { supportUntil }),
    ...(sbom !== undefined && { sbom: { sha256: sbom } }),
    ...(provenance !== undefined && {
      provenance: { sha256: provenance.sha256, publicKey: toBase64(provenance.publicKey) },
    }),
  };
}

/** Reads the record out of a target's `custom` field. A member that is not of its form is left out: no device hangs on it. */
export function parseReleaseRecord({ changelog, supportUntil, sbom, provenance }: JsonObject): ReleaseRecord {
  const sbomSha256 = isObject(sbom) ? sha256Of(sbom) : undefined;
  const link = isObject(provenance) ? provenanceLink(provenance) : undefined;
  return {
    ...(isChangelog(changelog) && { changelog }),
    ...(isDay(supportUntil) && { supportUntil }),
    ...(sbomSha256 && { sbom: sbomSha256 }),
    ...(link && { provenance: link }),
  };
}

function provenanceLink(member: JsonObject): ProvenanceLink | undefined {
  const sha256 = sha256Of(member);
  const { publicKey } = member;
  if (sha256 === undefined || typeof publicKey !== 'string' || publicKey.length > publicKeyBytesMax * 2)
    return undefined;
  return /^[A-Za-z0-9+/]+={0,2}$/.test(publicKey) && publicKey.length % 4 === 0
    ? { sha256, publicKey: fromBase64(publicKey) }
    : undefined;
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
