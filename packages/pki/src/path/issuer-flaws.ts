import { type Certificate, isSelfIssued, isSignedBy } from '../certificate/certificate.ts';
import { isCritical } from '../certificate/extensions.ts';
import type { KeyRules } from '../key-rules.ts';
import { extensionOids, otherOids } from '../oids.ts';
import { commonFlaw, flaw, type Purpose, signedFlaw } from './certificate-flaws.ts';
import { constrainedNameFlaw } from './constrained-names.ts';
import type { Flaw } from './outcome.ts';
import { validityFlaw } from './validity.ts';

export interface IssuerContext {
  /** The certificates from the leaf up to the one this issuer is tried for. */
  readonly below: readonly Certificate[];
  readonly isRoot: boolean;
  readonly atMs: number;
  readonly purpose: Purpose;
  readonly keyRules: KeyRules;
}

/** The first reason why `issuer` cannot have issued the last certificate of `below`; the signature comes last. */
export function issuerFlaw(issuer: Certificate, context: IssuerContext): Flaw | undefined {
  const child = context.below.at(-1);
  if (child === undefined) return undefined;
  return (
    keyIdFlaw(issuer, child) ??
    commonFlaw(issuer, context.keyRules) ??
    (context.isRoot ? undefined : signedFlaw(issuer)) ??
    caFlaw(issuer, context) ??
    validityFlaw(issuer, context.atMs) ??
    nameConstraintsFlaw(issuer, context) ??
    signatureFlaw(issuer, child)
  );
}

function keyIdFlaw(issuer: Certificate, child: Certificate): Flaw | undefined {
  const keyId = issuer.extensions.subjectKeyId;
  if (keyId === undefined)
    return flaw(
      'subject_key_id',
      `the CA \`${issuer.subject.text}\` has no key identifier`,
      'RFC 5280 section 4.2.1.2',
    );
  if (keyId === child.extensions.authorityKeyId?.keyId) return undefined;
  const reason = `another key of \`${issuer.subject.text}\` issued this: the key identifiers differ`;
  return flaw('unknown_issuer', reason, 'RFC 5280 section 4.2.1.1');
}

/** What any issuer is held to, whatever it issued. */
export function caFlaw(
  issuer: Certificate,
  { below, purpose }: Pick<IssuerContext, 'below' | 'purpose'>,
): Flaw | undefined {
  const { basicConstraints, keyUsage, extendedKeyUsage } = issuer.extensions;
  const text = issuer.subject.text;
  if (basicConstraints?.ca !== true || !isCritical(issuer.extensions, extensionOids.basicConstraints))
    return flaw('not_a_ca', `\`${text}\` is not marked as a CA, critically`, 'RFC 5280 section 4.2.1.9');
  if (keyUsage !== undefined && !keyUsage.includes('keyCertSign'))
    return flaw('not_a_ca', `\`${text}\` may not sign certificates`, 'RFC 5280 section 4.2.1.3');
  if (extendedKeyUsage !== undefined && !allows(extendedKeyUsage, purpose))
    return flaw('purpose', `\`${text}\` may not issue for ${purpose}`, 'RFC 5280 section 4.2.1.12');
  if (basicConstraints.pathLen !== undefined && intermediates(below) > basicConstraints.pathLen)
    return flaw('path_too_long', `\`${text}\` allows fewer CAs below it`, 'RFC 5280 section 4.2.1.9');
  return undefined;
}

function nameConstraintsFlaw({ extensions }: Certificate, { below }: IssuerContext): Flaw | undefined {
  const { nameConstraints } = extensions;
  return nameConstraints === undefined ? undefined : constrainedNameFlaw(nameConstraints, below);
}

function allows(purposes: readonly string[], purpose: Purpose): boolean {
  return purposes.includes(otherOids[purpose]) || purposes.includes(otherOids.anyExtendedKeyUsage);
}

// RFC 5280 §4.2.1.9: the leaf and self-issued certificates do not count.
function intermediates(below: readonly Certificate[]): number {
  return below.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
}

// Right signatures between certificates that are kept, as configured CAs are, need not be computed again.
const verified = new WeakMap<Certificate, WeakSet<Certificate>>();

function signatureFlaw(issuer: Certificate, child: Certificate): Flaw | undefined {
  const known = verified.get(issuer) ?? new WeakSet();
  if (known.has(child)) return undefined;
  if (!isSignedBy(child, issuer))
    return flaw(
      'bad_signature',
      `the key of \`${issuer.subject.text}\` did not sign this`,
      'RFC 5280 section 6.1.3',
    );
  known.add(child);
  verified.set(issuer, known);
  return undefined;
}
