import { equalBytes, fromHex, toHex } from '@fleetward/core';
import { hasExtension, isCritical } from '../certificate/extensions.ts';
import { parseTbsCertificate, type TbsCertificate } from '../certificate/tbs-certificate.ts';
import { PkiError } from '../errors.ts';
import { checkPublicKey } from '../key-rules.ts';
import { limits } from '../limits.ts';
import { nameFindings } from '../names/name-rules.ts';
import { extensionOids } from '../oids.ts';
import { keyIdentifier } from '../public-key.ts';
import { signerAlgorithmOf } from '../signature.ts';
import { altNameFindings, revocationUrlFindings } from './alt-name-rules.ts';
import { encodeTbsCertificate } from './build-tbs-certificate.ts';
import { isProfileUri, type Profile, type ProfileName, profiles, profileUris } from './profiles.ts';

const dayMs = 86_400_000;
const clockFloorMs = Date.UTC(2020, 0, 1);
const serialOctetsMin = 8;

/**
 * Judges to-be-signed bytes on their own, before a real key signs them: they parse, obey RFC 5280, and are exactly what
 * the profile allows. Throws `pki.lint` with every finding in `details.findings`, and gives back what the bytes say.
 */
export function lintTbsCertificate(tbs: Uint8Array, profileName: ProfileName): TbsCertificate {
  const parsed = parseForLint(tbs);
  const findings = [...certificateFindings(parsed, profiles[profileName])];
  if (findings.length === 0 && !isOwnEncoding(tbs, { parsed, profile: profileName }))
    findings.push('bytes beyond or beside what they say: not the encoding we make');
  if (findings.length === 0) return parsed;
  throw new PkiError('pki.lint', `not a \`${profileName}\` certificate to sign: ${findings.join('; ')}`, {
    details: { profile: profileName, findings },
  });
}

function parseForLint(tbs: Uint8Array): TbsCertificate {
  try {
    return parseTbsCertificate(tbs);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('pki.lint', `not a certificate to sign: ${cause.message}`, {
      cause,
      details: { findings: [cause.message] },
    });
  }
}

// Whatever the parser passes over, a field of a distribution point say, is not there when the bytes are these.
function isOwnEncoding(
  tbs: Uint8Array,
  { parsed, profile }: { parsed: TbsCertificate; profile: ProfileName },
): boolean {
  const algorithm = signerAlgorithmOf(parsed.signatureAlgorithm);
  if (algorithm === undefined) return false;
  const {
    subjectKeyId = '',
    authorityKeyId,
    subjectAltName,
    crlDistributionPoints,
    authorityInfoAccess,
  } = parsed.extensions;
  const own = encodeTbsCertificate({
    profile,
    algorithm,
    serial: fromHex(parsed.serial),
    issuerName: parsed.issuer,
    subject: parsed.subject,
    publicKey: parsed.publicKey,
    notBeforeMs: parsed.notBeforeMs,
    notAfterMs: parsed.notAfterMs,
    subjectKeyId: fromHex(subjectKeyId),
    authorityKeyId: authorityKeyId?.keyId ?? '',
    subjectAltName: subjectAltName ?? [],
    crlUrls: crlDistributionPoints ?? [],
    ocspUrls: authorityInfoAccess?.ocspUrls ?? [],
  });
  return equalBytes(own, tbs);
}

function* certificateFindings(tbs: TbsCertificate, profile: Profile): Iterable<string> {
  yield* frameFindings(tbs);
  yield* validityFindings(tbs, profile);
  yield* subjectFindings(tbs, profile);
  yield* keyFindings(tbs, profile);
  yield* usageFindings(tbs, profile);
  yield* altNamesFindings(tbs, profile);
  yield* ownUriFindings(tbs, profile);
  yield* extensionSetFindings(tbs, profile);
  yield* revocationUrlFindings(tbs.extensions.crlDistributionPoints ?? []);
  yield* revocationUrlFindings(tbs.extensions.authorityInfoAccess?.ocspUrls ?? []);
}

function* frameFindings({
  version,
  serial,
  serialOctets,
  signatureAlgorithm,
}: TbsCertificate): Iterable<string> {
  if (version !== 3) yield `version ${version} (RFC 5280 section 4.1.2.1)`;
  if (serial.startsWith('-') || serialOctets < serialOctetsMin || serialOctets > limits.serialOctetsMax)
    yield `the serial number must be positive with ${serialOctetsMin} to ${limits.serialOctetsMax} octets (RFC 5280 section 4.1.2.2)`;
  if (signatureAlgorithm.kind === 'unsupported') yield signatureAlgorithm.reason;
}

function* validityFindings({ notBeforeMs, notAfterMs }: TbsCertificate, profile: Profile): Iterable<string> {
  if (notBeforeMs < clockFloorMs) yield 'notBefore is before 2020: the clock is wrong';
  if (notAfterMs <= notBeforeMs) yield 'notAfter is not after notBefore';
  if (notAfterMs - notBeforeMs > profile.validityDaysMax * dayMs)
    yield `valid for more than ${profile.validityDaysMax} days`;
}

function* subjectFindings({ subject, issuer }: TbsCertificate, profile: Profile): Iterable<string> {
  yield* nameFindings(subject, 'the subject');
  yield* nameFindings(issuer, 'the issuer');
  for (const attribute of profile.subjectRequired)
    if (subject.attributes[attribute]?.length !== 1) yield `the subject must have one ${attribute}`;
  if (equalBytes(subject.der, issuer.der) !== profile.selfSigned)
    yield profile.selfSigned ? "a root's issuer is its subject" : 'subject and issuer are the same name';
}

function* keyFindings({ publicKey, extensions }: TbsCertificate, profile: Profile): Iterable<string> {
  const verdict = checkPublicKey(publicKey);
  if (verdict.kind === 'refused') yield verdict.reason;
  if (!profile.keyKinds.includes(publicKey.kind)) yield `a key of kind \`${publicKey.kind}\``;
  const { subjectKeyId, authorityKeyId } = extensions;
  if (subjectKeyId !== toHex(keyIdentifier(publicKey)))
    yield 'the subject key identifier is not that of the key';
  if (authorityKeyId?.keyId === undefined) yield 'no authority key identifier (RFC 5280 section 4.2.1.1)';
  if (profile.selfSigned !== (authorityKeyId?.keyId === subjectKeyId))
    yield 'the authority key identifier does not fit the issuer';
}

function* usageFindings({ extensions }: TbsCertificate, profile: Profile): Iterable<string> {
  const { basicConstraints, keyUsage = [], extendedKeyUsage = [] } = extensions;
  if ((basicConstraints?.ca ?? false) !== profile.ca) yield `CA:${!profile.ca}`;
  if (basicConstraints?.pathLen !== profile.pathLen)
    yield `a path length of \`${basicConstraints?.pathLen}\``;
  if (!sameSet(keyUsage, profile.keyUsage)) yield `the key usages \`${keyUsage.join(' ')}\``;
  if (!sameSet(extendedKeyUsage, profile.extendedKeyUsage))
    yield `the key purposes \`${extendedKeyUsage.join(' ')}\``;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}

function* altNamesFindings({ extensions }: TbsCertificate, profile: Profile): Iterable<string> {
  const names = extensions.subjectAltName ?? [];
  if (profile.subjectAltName === 'required' && names.length === 0) yield 'no subject alternative name';
  if (profile.subjectAltName === 'forbidden' && names.length > 0) yield 'a subject alternative name';
  for (const name of names) {
    if (!profile.altNameKinds.includes(name.kind)) yield `an alternative name of kind \`${name.kind}\``;
    yield* altNameFindings(name);
  }
}

// What a certificate says of its profile, exactly: the record beside it can then never say otherwise.
function* ownUriFindings({ subject, extensions }: TbsCertificate, profile: Profile): Iterable<string> {
  const wanted = profileUris(profile, subject.attributes.commonName?.[0] ?? '');
  const found = (extensions.subjectAltName ?? []).filter(isProfileUri).map(({ value }) => value);
  for (const uri of wanted) if (!found.includes(uri)) yield `no alternative name \`${uri}\``;
  for (const uri of found) if (!wanted.includes(uri)) yield `the alternative name \`${uri}\``;
  if (new Set(found).size !== found.length) yield 'an alternative name of the profile twice';
}

const issuedExtensions: readonly string[] = [
  extensionOids.basicConstraints,
  extensionOids.keyUsage,
  extensionOids.extendedKeyUsage,
  extensionOids.subjectKeyId,
  extensionOids.authorityKeyId,
  extensionOids.subjectAltName,
  extensionOids.crlDistributionPoints,
  extensionOids.authorityInfoAccess,
];

function* extensionSetFindings({ extensions }: TbsCertificate, profile: Profile): Iterable<string> {
  const mustBeCritical: readonly string[] = [extensionOids.keyUsage, extensionOids.basicConstraints];
  for (const { oid, critical } of extensions.present) {
    if (!issuedExtensions.includes(oid)) yield `the extension \`${oid}\``;
    if (critical !== mustBeCritical.includes(oid)) yield `the extension \`${oid}\` with critical ${critical}`;
  }
  if (!profile.ca && hasExtension(extensions, extensionOids.basicConstraints))
    yield 'basic constraints in a leaf';
  if (profile.ca && !isCritical(extensions, extensionOids.basicConstraints))
    yield 'basic constraints not critical';
}
