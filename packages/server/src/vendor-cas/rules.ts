import { createHash } from 'node:crypto';
import { equalBytes, parseSha256, type Sha256, utf8 } from '@fleetward/core';
import { anchorFlaw, type Certificate, isSignedBy, type KeyRules } from '@fleetward/pki';
import { VendorCasError } from './errors.ts';

/** As long as a common name may be (RFC 5280 appendix A.1), and as AWS IoT's. */
const codePattern = /^[0-9a-f]{64}$/;

/** The hash that a registration code is looked up by; undefined for a text that cannot be one. */
export function hashCode(code: string): Sha256 | undefined {
  if (!codePattern.test(code)) return undefined;
  return parseSha256(createHash('sha256').update(utf8(code)).digest('hex'));
}

/**
 * Throws `vendor_cas.ca_refused` for a CA by which no device could be believed, or that could be taken for one of the platform's: by
 * its name, its key, or as one below it.
 */
export function assertRegistrable(
  ca: Certificate,
  {
    own,
    ...asked
  }: { readonly own: readonly Certificate[]; readonly atMs: number; readonly keyRules: KeyRules },
): void {
  const flaw = anchorFlaw(ca, { ...asked, purpose: 'clientAuth' });
  if (flaw !== undefined) throw caRefused(ca, `${flaw.reason} (${flaw.rfc})`);
  const twin = own.find(
    ({ subject, publicKey }) =>
      equalBytes(subject.der, ca.subject.der) ||
      equalBytes(subject.der, ca.issuer.der) ||
      equalBytes(publicKey.spki, ca.publicKey.spki),
  );
  if (twin !== undefined)
    throw caRefused(ca, `\`${twin.id}\`, a CA of this platform, has its name, its key, or its issuer’s name`);
}

export function caRefused(ca: Certificate, why: string): VendorCasError {
  return new VendorCasError('vendor_cas.ca_refused', `\`${ca.subject.text}\` cannot be registered: ${why}`, {
    details: { certificateId: ca.id },
  });
}

/**
 * The hash of the code that the CA's key has signed as the common name of a verification certificate. Throws
 * `vendor_cas.verification_refused` for what does not prove that whoever made it holds that key, now.
 */
export function provenCode(
  verification: Certificate,
  { ca, atMs }: { readonly ca: Certificate; readonly atMs: number },
): Sha256 {
  const why = verificationFlaw(verification, ca, atMs);
  if (why !== undefined) throw verificationRefused(why);
  const [name = '', ...others] = verification.subject.attributes.commonName ?? [];
  const hash = others.length === 0 ? hashCode(name) : undefined;
  if (hash === undefined)
    throw verificationRefused('its common name is no registration code (`fleetward vendor-ca code`)');
  return hash;
}

export function verificationRefused(why: string): VendorCasError {
  return new VendorCasError('vendor_cas.verification_refused', `the verification certificate: ${why}`);
}

function verificationFlaw(verification: Certificate, ca: Certificate, atMs: number): string | undefined {
  if (verification.id === ca.id) return 'it is the CA itself';
  if (!equalBytes(verification.issuer.der, ca.subject.der))
    return `\`${verification.issuer.text}\` issued it, not \`${ca.subject.text}\``;
  if (verification.extensions.basicConstraints?.ca === true) return 'it is a CA';
  if (verification.signatureAlgorithm.kind === 'unsupported') return verification.signatureAlgorithm.reason;
  if (!isSignedBy(verification, ca)) return 'the key of the CA did not sign it';
  if (!(atMs >= verification.notBeforeMs && atMs < verification.notAfterMs + 1_000))
    return `it is valid from ${iso(verification.notBeforeMs)} until ${iso(verification.notAfterMs)}, and not now`;
  return undefined;
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
