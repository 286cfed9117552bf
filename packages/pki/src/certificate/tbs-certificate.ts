import { toHex } from '@fleetward/core';
import { ReadBefore } from '../der/read-before.ts';
import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { contextConstructed, contextPrimitive, tags } from '../der/tags.ts';
import { readTime } from '../der/time.ts';
import { readInteger, readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Name, readName } from '../names/name.ts';
import { type PublicKey, readPublicKey } from '../public-key.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from '../signature.ts';
import { type Extensions, noExtensions, readExtensions } from './extensions.ts';

/** What is signed in a certificate (RFC 5280 §4.1.2). Parsed whatever it claims; judged elsewhere. */
export interface TbsCertificate {
  readonly version: 1 | 2 | 3;
  /** Lower-case hex of the magnitude, no leading zeros beyond full octets; a `-` before a negative one. */
  readonly serial: string;
  /** Octets of the encoded INTEGER, sign octet included. */
  readonly serialOctets: number;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly issuer: Name;
  /** Milliseconds since the Unix epoch; the certificate is valid at both ends. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly extensions: Extensions;
}

/** Parses a TBSCertificate alone, as a linter is given it. */
export function parseTbsCertificate(tbs: Uint8Array): TbsCertificate {
  const reader = openDer(tbs, limits.certificateBytesMax);
  const parsed = readTbsCertificate(reader);
  reader.end('the certificate');
  return parsed;
}

const issuers = new ReadBefore<Name>(64);
const validities = new ReadBefore<Pick<TbsCertificate, 'notBeforeMs' | 'notAfterMs'>>(64);

export function readTbsCertificate(reader: DerReader): TbsCertificate {
  const tbs = reader.enter(tags.sequence, 'the certificate');
  const version = readVersion(tbs);
  const serialContent = readInteger(tbs, 'the serial number');
  const signatureAlgorithm = readSignatureAlgorithm(tbs);
  const issuer = tbs.known(issuers, 'the issuer', (name) => readName(name, 'the issuer'));
  const validity = tbs.known(validities, 'the validity', readValidity);
  const subject = readName(tbs, 'the subject');
  const publicKey = readPublicKey(tbs);
  skipUniqueIds(tbs, version);
  const extensions = readOptionalExtensions(tbs, version);
  tbs.end('the certificate');
  return {
    version,
    serial: serialHex(serialContent),
    serialOctets: serialContent.length,
    signatureAlgorithm,
    issuer,
    ...validity,
    subject,
    publicKey,
    extensions,
  };
}

function readVersion(tbs: DerReader): 1 | 2 | 3 {
  if (tbs.peekTag() !== contextConstructed(0)) return 1;
  const explicit = tbs.enter(contextConstructed(0), 'the version');
  const version = readSmallInteger(explicit, 'the version');
  explicit.end('the version');
  if (version === 1) return 2;
  if (version === 2) return 3;
  throw new PkiError(
    'pki.certificate',
    `the version field \`${version}\` is not 1 or 2 (RFC 5280 section 4.1.2.1)`,
  );
}

/** Hex of a serial number's content octets, as `TbsCertificate.serial` and the entries of a CRL have it. */
export function serialHex(content: Uint8Array): string {
  const hex = toHex(content.length > 1 && content[0] === 0 ? content.subarray(1) : content);
  if ((content[0] ?? 0) < 0x80) return hex;
  const magnitude = (1n << BigInt(content.length * 8)) - BigInt(`0x${hex}`);
  return `-${magnitude.toString(16)}`;
}

function readValidity(tbs: DerReader): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const validity = tbs.enter(tags.sequence, 'the validity');
  const notBeforeMs = readTime(validity, 'notBefore');
  const notAfterMs = readTime(validity, 'notAfter');
  validity.end('the validity');
  return { notBeforeMs, notAfterMs };
}

function skipUniqueIds(tbs: DerReader, version: number): void {
  for (const number of [1, 2]) {
    if (tbs.peekTag() !== contextPrimitive(number)) continue;
    if (version === 1)
      throw new PkiError('pki.certificate', 'a version 1 certificate with unique identifiers');
    tbs.any('a unique identifier');
  }
}

function readOptionalExtensions(tbs: DerReader, version: number): Extensions {
  if (tbs.peekTag() !== contextConstructed(3)) return noExtensions;
  if (version !== 3)
    throw new PkiError(
      'pki.certificate',
      'extensions in a certificate before version 3 (RFC 5280 section 4.1.2.1)',
    );
  const explicit = tbs.enter(contextConstructed(3), 'the extensions');
  const extensions = readExtensions(explicit);
  explicit.end('the extensions');
  return extensions;
}
