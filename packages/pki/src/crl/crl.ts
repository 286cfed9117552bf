import type { Certificate } from '../certificate/certificate.ts';
import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { contextConstructed, tags } from '../der/tags.ts';
import { readTime } from '../der/time.ts';
import { readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Name, readName } from '../names/name.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm, verifySignature } from '../signature.ts';
import { assertSameAlgorithm, parseSigned } from '../signed.ts';
import { type CrlExtensions, readCrlExtensions } from './crl-extensions.ts';
import { type RevokedEntry, readRevokedEntries } from './revoked-entry.ts';

/** What is signed in a CRL (RFC 5280 §5.1.2). */
export interface TbsCrl extends CrlExtensions {
  readonly issuer: Name;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** By serial number, written as in `Certificate.serial`. */
  readonly revoked: ReadonlyMap<string, RevokedEntry>;
  readonly signatureAlgorithm: SignatureAlgorithm;
}

export interface Crl extends TbsCrl {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
}

/** Parses one DER CRL of version 2 with a next update. Throws `PkiError`; `isCrlSignedBy` says whether to believe it. */
export function parseCrl(der: Uint8Array): Crl {
  const rules = { what: 'the CRL', bytesMax: limits.crlBytesMax, readBody: readTbsCrl };
  const { tbs, body, signatureAlgorithm, signature } = parseSigned(der, rules);
  assertSameAlgorithm(body.signatureAlgorithm, { algorithm: signatureAlgorithm, code: 'pki.crl' });
  return { ...body, der, tbs, signature };
}

/** Parses a TBSCertList alone, as a linter is given it. */
export function parseTbsCrl(tbs: Uint8Array): TbsCrl {
  const reader = openDer(tbs, limits.crlBytesMax);
  const parsed = readTbsCrl(reader);
  reader.end('the CRL');
  return parsed;
}

function readTbsCrl(reader: DerReader): TbsCrl {
  const tbs = reader.enter(tags.sequence, 'the CRL');
  if (tbs.peekTag() !== tags.integer || readSmallInteger(tbs, "the CRL's version") !== 1)
    throw new PkiError('pki.crl', 'the CRL is not of version 2 (RFC 5280 section 5.1.2.1)');
  const signatureAlgorithm = readSignatureAlgorithm(tbs);
  const issuer = readName(tbs, 'the issuer');
  const thisUpdateMs = readTime(tbs, 'thisUpdate');
  if (tbs.peekTag() !== tags.utcTime && tbs.peekTag() !== tags.generalizedTime)
    throw new PkiError('pki.crl', 'the CRL has no nextUpdate (RFC 5280 section 5.1.2.5)');
  const nextUpdateMs = readTime(tbs, 'nextUpdate');
  const revoked = tbs.peekTag() === tags.sequence ? readRevokedEntries(tbs) : new Map<string, RevokedEntry>();
  const extensions = readCrlExtensions(tbs.enter(contextConstructed(0), "the CRL's extensions"));
  tbs.end('the CRL');
  return { signatureAlgorithm, issuer, thisUpdateMs, nextUpdateMs, revoked, ...extensions };
}

/** Whether `issuer`'s key signed this CRL; says nothing about names or time. */
export function isCrlSignedBy(crl: Crl, issuer: Certificate): boolean {
  const { signatureAlgorithm: algorithm, tbs: message, signature } = crl;
  return verifySignature(issuer.publicKey, { algorithm, message, signature });
}
