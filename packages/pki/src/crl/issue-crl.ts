import { equalBytes, type Signer, type SignerAlgorithm } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { encodeTime } from '../der/time.ts';
import { bitString, element, explicit, sequence, smallInteger, unsigned } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { encodeAuthorityKeyId, encodeExtension } from '../issue/encode-extensions.ts';
import { issuerKeyId } from '../issue/issuer-key-id.ts';
import { extensionOids } from '../oids.ts';
import { encodeSignatureAlgorithm, readSignatureAlgorithm, verifySignature } from '../signature.ts';
import { type Crl, isCrlSignedBy, parseCrl } from './crl.ts';
import { encodeRevokedEntries, type Revocation } from './encode-entries.ts';
import { lintTbsCrl } from './lint-crl.ts';

export interface CrlContent {
  readonly issuer: Certificate;
  /** Greater than every number before it; after a restore too. */
  readonly number: bigint;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly revoked: Iterable<Revocation>;
}

export interface CrlRequest extends CrlContent {
  readonly signer: Signer;
}

/** Build, lint, sign, assemble, verify a full CRL (RFC 5280 §5). Throws `pki.lint` or `pki.issue`. */
export async function issueCrl(request: CrlRequest): Promise<Crl> {
  const { issuer, signer } = request;
  if (!equalBytes(issuer.publicKey.spki, signer.publicKey))
    throw new PkiError('pki.issue', "the signer's key is not the issuer's");
  const tbs = buildTbsCrl(request, signer.algorithm);
  lintTbsCrl(tbs);
  const signature = await signer.sign(tbs);
  const crl = parseCrl(sequence(tbs, encodeSignatureAlgorithm(signer.algorithm), bitString(signature)));
  if (!isCrlSignedBy(crl, issuer))
    throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
  return crl;
}

/** The bytes to be signed for a CRL (RFC 5280 §5.1.2). */
export function buildTbsCrl(content: CrlContent, algorithm: SignerAlgorithm): Uint8Array {
  const { issuer } = content;
  const entries = encodeRevokedEntries(content.revoked);
  return sequence(
    smallInteger(1),
    encodeSignatureAlgorithm(algorithm),
    issuer.subject.der,
    encodeTime(content.thisUpdateMs),
    encodeTime(content.nextUpdateMs),
    // RFC 5280 §5.1.2.6: the list is left out, not empty, when nothing is revoked.
    ...(entries.length > 0 ? [element(tags.sequence, entries)] : []),
    explicit(0, sequence(encodeAuthorityKeyId(issuerKeyId(issuer)), encodeCrlNumber(content.number))),
  );
}

/**
 * The CRL, DER, from the bytes that `buildTbsCrl` made and a signer that lints has signed: nothing is parsed once more. Throws `pki.issue` for a
 * signature that the issuer's key did not make.
 */
export function assembleCrl(
  tbs: Uint8Array,
  signed: {
    readonly issuer: Certificate;
    readonly algorithm: SignerAlgorithm;
    readonly signature: Uint8Array;
  },
): Uint8Array {
  const { issuer, signature } = signed;
  const algorithmDer = encodeSignatureAlgorithm(signed.algorithm);
  const algorithm = readSignatureAlgorithm(openDer(algorithmDer, algorithmDer.length));
  if (!verifySignature(issuer.publicKey, { algorithm, message: tbs, signature }))
    throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
  return sequence(tbs, algorithmDer, bitString(signature));
}

function encodeCrlNumber(number: bigint): Uint8Array {
  const hex = number.toString(16);
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  if (number < 0n || magnitude.length > 19)
    throw new PkiError('pki.issue', `the CRL number \`${number}\` is out of range`);
  return encodeExtension(extensionOids.crlNumber, unsigned(magnitude));
}
