import { toHex } from '@fleetward/core';
import type { DerReader } from '../der/reader.ts';
import { contextConstructed, contextPrimitive, tags } from '../der/tags.ts';
import { readFlag, readInteger, readNamedBits, readOid, readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type GeneralName, readGeneralName, readGeneralNames } from '../names/general-name.ts';
import { otherOids } from '../oids.ts';
import { type KeyUsage, keyUsages } from './key-usage.ts';

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLen?: number;
}

export interface AuthorityKeyId {
  /** Lower-case hex. */
  readonly keyId?: string;
  readonly issuer?: readonly GeneralName[];
  /** Lower-case hex content octets. */
  readonly serial?: string;
}

export interface AuthorityInfoAccess {
  readonly ocspUrls: readonly string[];
  readonly caIssuersUrls: readonly string[];
}

export function readBasicConstraints(value: DerReader): BasicConstraints {
  const sequence = value.enter(tags.sequence, 'basicConstraints');
  const ca = readFlag(sequence, 'cA');
  const pathLen = sequence.done ? undefined : readSmallInteger(sequence, 'pathLenConstraint');
  sequence.end('basicConstraints');
  if (pathLen === undefined) return { ca };
  if (ca) return { ca, pathLen };
  throw new PkiError('pki.certificate', 'a path length without CA:true (RFC 5280 section 4.2.1.9)');
}

export function readKeyUsage(value: DerReader): readonly KeyUsage[] {
  const bits = readNamedBits(value, 'keyUsage');
  if (bits.length === 0)
    throw new PkiError('pki.certificate', 'keyUsage names no usage (RFC 5280 section 4.2.1.3)');
  return bits.flatMap((bit) => keyUsages[bit] ?? []);
}

/** Purposes as dotted object identifiers. */
export function readExtendedKeyUsage(value: DerReader): readonly string[] {
  const sequence = value.enter(tags.sequence, 'extKeyUsage');
  const purposes: string[] = [];
  do {
    if (purposes.length >= limits.generalNamesMax)
      throw new PkiError('pki.certificate', 'extKeyUsage has too many purposes');
    purposes.push(readOid(sequence, 'a key purpose'));
  } while (!sequence.done);
  return purposes;
}

export function readSubjectKeyId(value: DerReader): string {
  return keyId(value.content(tags.octetString, 'subjectKeyIdentifier'));
}

function keyId(octets: Uint8Array): string {
  if (octets.length >= 1 && octets.length <= 64) return toHex(octets);
  throw new PkiError('pki.certificate', 'a key identifier must have 1 to 64 octets');
}

export function readAuthorityKeyId(value: DerReader): AuthorityKeyId {
  const what = 'authorityKeyIdentifier';
  const sequence = value.enter(tags.sequence, what);
  const parts: { keyId?: string; issuer?: readonly GeneralName[]; serial?: string } = {};
  if (sequence.peekTag() === contextPrimitive(0))
    parts.keyId = keyId(sequence.content(contextPrimitive(0), what));
  if (sequence.peekTag() === contextConstructed(1))
    parts.issuer = readGeneralNames(sequence.enter(contextConstructed(1), what), what);
  if (sequence.peekTag() === contextPrimitive(2))
    parts.serial = toHex(readInteger(sequence, what, contextPrimitive(2)));
  sequence.end(what);
  return parts;
}

export function readAltName(value: DerReader): readonly GeneralName[] {
  return readGeneralNames(value.enter(tags.sequence, 'the alternative name'), 'the alternative name');
}

/** URLs of full CRLs; points that name a CRL in another way are passed over. */
export function readCrlDistributionPoints(value: DerReader): readonly string[] {
  const points = value.enter(tags.sequence, 'cRLDistributionPoints');
  const urls: string[] = [];
  do {
    if (urls.length >= limits.generalNamesMax)
      throw new PkiError('pki.certificate', 'cRLDistributionPoints has too many points');
    urls.push(...distributionPointUrls(points.enter(tags.sequence, 'a distribution point')));
  } while (!points.done);
  return urls;
}

function distributionPointUrls(point: DerReader): readonly string[] {
  const what = 'a distribution point';
  const urls =
    point.peekTag() === contextConstructed(0) ? fullNameUrls(point.enter(contextConstructed(0), what)) : [];
  while (!point.done) point.any(what);
  return urls;
}

function fullNameUrls(name: DerReader): readonly string[] {
  const what = "a distribution point's name";
  if (name.peekTag() !== contextConstructed(0)) {
    name.any(what);
    name.end(what);
    return [];
  }
  const names = readGeneralNames(name.enter(contextConstructed(0), what), what);
  name.end(what);
  return names.flatMap((general) => (general.kind === 'uri' ? [general.value] : []));
}

export function readAuthorityInfoAccess(value: DerReader): AuthorityInfoAccess {
  const list = value.enter(tags.sequence, 'authorityInfoAccess');
  const urls: Record<string, string[]> = { [otherOids.ocsp]: [], [otherOids.caIssuers]: [] };
  for (let count = 0; count === 0 || !list.done; count++) {
    if (count >= limits.generalNamesMax)
      throw new PkiError('pki.certificate', 'authorityInfoAccess has too many entries');
    const access = list.enter(tags.sequence, 'an access description');
    const method = readOid(access, 'an access method');
    const location = readGeneralName(access, 'an access location');
    access.end('an access description');
    if (location.kind === 'uri') urls[method]?.push(location.value);
  }
  return { ocspUrls: urls[otherOids.ocsp] ?? [], caIssuersUrls: urls[otherOids.caIssuers] ?? [] };
}
