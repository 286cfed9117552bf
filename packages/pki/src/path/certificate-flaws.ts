import { type Certificate, isSelfIssued } from '../certificate/certificate.ts';
import { hasExtension, isCritical } from '../certificate/extensions.ts';
import type { KeyUsage } from '../certificate/key-usage.ts';
import { checkPublicKey, type KeyRules } from '../key-rules.ts';
import { limits } from '../limits.ts';
import { extensionOids, otherOids } from '../oids.ts';
import type { PublicKey } from '../public-key.ts';
import type { Flaw } from './outcome.ts';

/** `endorsement`: the key of a TPM, which decrypts and signs nothing. */
export type Purpose = 'clientAuth' | 'serverAuth' | 'endorsement';

/** The first reason not to take this certificate from a peer as its own, whoever signed it. */
export function leafFlaw(
  leaf: Certificate,
  { purpose, keyRules }: { readonly purpose: Purpose; readonly keyRules: KeyRules },
): Flaw | undefined {
  return (
    selfSignedFlaw(leaf) ??
    caLeafFlaw(leaf) ??
    constrainingLeafFlaw(leaf) ??
    commonFlaw(leaf, keyRules) ??
    signedFlaw(leaf) ??
    leafUsageFlaw(leaf, purpose)
  );
}

function caLeafFlaw({ extensions }: Certificate): Flaw | undefined {
  if (extensions.basicConstraints?.ca !== true) return undefined;
  return flaw('ca_leaf', 'a CA certificate is not presented as a leaf', 'RFC 5280 section 4.2.1.9');
}

// RFC 5280 has them in CA certificates alone; §6.1 would apply a leaf's own to nobody.
function constrainingLeafFlaw({ extensions }: Certificate): Flaw | undefined {
  if (!hasExtension(extensions, extensionOids.nameConstraints)) return undefined;
  return flaw('name_constraints', 'a leaf with name constraints', 'RFC 5280 section 4.2.1.10');
}

function selfSignedFlaw(leaf: Certificate): Flaw | undefined {
  if (!isSelfIssued(leaf)) return undefined;
  return flaw(
    'self_signed',
    `\`${leaf.subject.text}\` is issued by itself, not by a CA`,
    'RFC 5280 section 6.1',
  );
}

/** What any certificate below the root is held to. */
export function signedFlaw(certificate: Certificate): Flaw | undefined {
  return serialFlaw(certificate) ?? signatureAlgorithmFlaw(certificate) ?? authorityKeyIdFlaw(certificate);
}

/** What any certificate, the root included, is held to. */
export function commonFlaw(certificate: Certificate, keyRules: KeyRules): Flaw | undefined {
  const { version, issuer, extensions } = certificate;
  if (version !== 3)
    return flaw('version', `version ${version}; only version 3 is accepted`, 'RFC 5280 section 4.1.2.1');
  if (issuer.rdns.length === 0) return flaw('name', 'the issuer has no name', 'RFC 5280 section 4.1.2.4');
  return (
    extensionFlaw(certificate) ??
    (extensions.unknownCritical.length > 0 ? unknownCriticalFlaw(extensions.unknownCritical) : undefined) ??
    keyFlaw(certificate.publicKey, keyRules)
  );
}

function extensionFlaw({ subject, extensions }: Certificate): Flaw | undefined {
  for (const { oid, critical } of extensions.present) {
    if (critical && neverCritical.includes(oid))
      return flaw('extension_form', `extension \`${oid}\` must not be critical`, 'RFC 5280 section 4.2');
    if (!critical && alwaysCritical.includes(oid))
      return flaw('extension_form', `extension \`${oid}\` must be critical`, 'RFC 5280 section 4.2');
  }
  if (subject.rdns.length === 0 && !isCritical(extensions, extensionOids.subjectAltName))
    return flaw('name', 'no subject and no critical alternative name', 'RFC 5280 section 4.2.1.6');
  return undefined;
}

const neverCritical: readonly string[] = [
  extensionOids.authorityKeyId,
  extensionOids.subjectKeyId,
  extensionOids.authorityInfoAccess,
];

const alwaysCritical: readonly string[] = [
  extensionOids.nameConstraints,
  extensionOids.policyConstraints,
  extensionOids.inhibitAnyPolicy,
];

function unknownCriticalFlaw(oids: readonly string[]): Flaw {
  const reason = `the critical extension \`${oids[0]}\` is not understood`;
  return flaw('unknown_critical_extension', reason, 'RFC 5280 section 4.2');
}

// Checking a key costs more than the rest; an issuer's, which is kept, is checked once.
const keyFlaws = new WeakMap<PublicKey, { readonly found: Flaw | undefined; readonly keyRules: KeyRules }>();

function keyFlaw(key: PublicKey, keyRules: KeyRules): Flaw | undefined {
  let judged = keyFlaws.get(key);
  if (judged?.keyRules !== keyRules) {
    const verdict = checkPublicKey(key, keyRules);
    judged = { found: verdict.kind === 'refused' ? weakKey(verdict.reason) : undefined, keyRules };
    keyFlaws.set(key, judged);
  }
  return judged.found;
}

function weakKey(reason: string): Flaw {
  return flaw('weak_key', reason, 'RFC 5280 section 4.1.2.7');
}

function serialFlaw({ serial, serialOctets }: Certificate): Flaw | undefined {
  const positive = !serial.startsWith('-') && /[1-9a-f]/.test(serial);
  if (positive && serialOctets <= limits.serialOctetsMax) return undefined;
  const reason = `the serial number must be positive and have at most ${limits.serialOctetsMax} octets`;
  return flaw('serial', reason, 'RFC 5280 section 4.1.2.2');
}

function signatureAlgorithmFlaw({ signatureAlgorithm }: Certificate): Flaw | undefined {
  if (signatureAlgorithm.kind !== 'unsupported') return undefined;
  return flaw('weak_signature', signatureAlgorithm.reason, 'RFC 5280 section 4.1.1.2');
}

function authorityKeyIdFlaw({ extensions }: Certificate): Flaw | undefined {
  if (extensions.authorityKeyId?.keyId !== undefined) return undefined;
  return flaw('authority_key_id', 'no authority key identifier', 'RFC 5280 section 4.2.1.1');
}

const usagesFor: Readonly<Record<Purpose, readonly KeyUsage[]>> = {
  clientAuth: ['digitalSignature'],
  serverAuth: ['digitalSignature'],
  endorsement: ['keyEncipherment', 'keyAgreement'],
};

function leafUsageFlaw({ extensions }: Certificate, purpose: Purpose): Flaw | undefined {
  const { keyUsage, extendedKeyUsage = [] } = extensions;
  const needed = usagesFor[purpose];
  if (
    keyUsage !== undefined &&
    (keyUsage.includes('keyCertSign') || !needed.some((one) => keyUsage.includes(one)))
  )
    return flaw(
      'key_usage',
      `a leaf must have ${needed.join(' or ')} and not keyCertSign`,
      'RFC 5280 section 4.2.1.3',
    );
  if (extendedKeyUsage.includes(otherOids[purpose])) return undefined;
  return flaw('purpose', `the extended key usage does not name ${purpose}`, 'RFC 5280 section 4.2.1.12');
}

export function flaw(code: Flaw['code'], reason: string, rfc: string): Flaw {
  return { code, reason, rfc };
}
