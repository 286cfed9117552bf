import { type Certificate, isSelfIssued, withPublicKey } from '@fleetward/pki';

// Admission verifies a device's chain, and keeps what it has verified: a verdict of OpenSSL is asked for by nobody, and `node:tls` has no
// way to leave it out. So OpenSSL is given CAs that are good for their names in a CertificateRequest, and cost it no signature.

/** A root under another key identifier, in DER: OpenSSL takes it for nobody's issuer (RFC 5280 §4.2.1.1), and looks no further. */
export function namedRoot({ der, extensions }: Certificate): Uint8Array {
  const named = Buffer.from(der);
  const keyId = Buffer.from(extensions.subjectKeyId ?? '', 'hex');
  if (keyId.length === 0) return named;
  // As its own, and where a root names itself as its own authority; a short one stands in many other places too.
  for (const tag of [0x04, 0x80]) {
    const field = Buffer.from([tag, keyId.length, ...keyId]);
    for (let at = named.indexOf(field); at !== -1; at = named.indexOf(field, at + 1)) named[at + 2]! ^= 0xff;
  }
  return named;
}

/**
 * An issuing CA with the key of a curve so small that no signature by P-256 or P-384 can be one of it, in DER: OpenSSL prefers it to the one a
 * device sends along, and sees by the signature's size that it does not verify. Undefined where the CA's key is of another kind.
 */
export function namedIssuer(issuer: Certificate): Uint8Array | undefined {
  if (issuer.publicKey.kind !== 'ec' || isSelfIssued(issuer)) return undefined;
  return withPublicKey(issuer, keyOfSmallCurve);
}

/** SubjectPublicKeyInfo: the base point of secp112r1 (SEC 2 version 1 §2.2.1), whose order has 112 bits. */
const keyOfSmallCurve = Buffer.from(
  '3032301006072a8648ce3d020106052b81040006031e000409487239995a5ee76b55f9c2f098a89ce5af8724c0a23e0e0ff77500',
  'hex',
);
