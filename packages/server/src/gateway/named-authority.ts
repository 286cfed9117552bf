import type { Certificate } from '@fleetward/pki';

/**
 * The CA under another key identifier: good for its name in a CertificateRequest, and for nothing else. OpenSSL takes it for nobody's
 * issuer (RFC 5280 §4.2.1.1), so it does not verify chains whose verdict nobody asks for: that is the admission's, which keeps
 * what it has verified. DER; the signature does not fit.
 */
export function namedAuthority({ der, extensions }: Certificate): Uint8Array {
  const named = Buffer.from(der);
  const keyId = Buffer.from(extensions.subjectKeyId ?? '', 'hex');
  if (keyId.length === 0) return named;
  // Also where a root names itself as its own authority.
  for (let at = named.indexOf(keyId); at !== -1; at = named.indexOf(keyId, at + 1)) named[at]! ^= 0xff;
  return named;
}
