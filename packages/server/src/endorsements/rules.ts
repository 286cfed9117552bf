import {
  anchorFlaw,
  type Certificate,
  checkPublicKey,
  isEndorsementKey,
  type KeyRules,
  type PublicKey,
  validatePath,
} from '@fleetward/pki';
import { EndorsementsError } from './errors.ts';

/** An endorsement key as a device shows it. Whoever sends it need not have its TPM: that is what the challenge is for. */
export interface ShownEndorsementKey {
  readonly publicKey: PublicKey;
  /** Of that key, by the vendor of the TPM, with what leads up to its root. */
  readonly certified?: { readonly certificate: Certificate; readonly intermediates: readonly Certificate[] };
}

interface Asked {
  readonly atMs: number;
  readonly keyRules: KeyRules;
}

/** Why no challenge could be made for this key; undefined for one that will do. */
export function endorsementKeyFlaw(key: PublicKey, keyRules: KeyRules): string | undefined {
  const verdict = checkPublicKey(key, keyRules);
  if (verdict.kind === 'refused') return verdict.reason;
  return isEndorsementKey(key)
    ? undefined
    : 'it is neither RSA of 2048 bits nor on P-256, as the default templates L-1 and L-2 make it';
}

/** Why the certificate does not lead to a root; undefined where it does, for an endorsement key and for nothing else. */
export function certifiedFlaw(
  { certificate, intermediates }: NonNullable<ShownEndorsementKey['certified']>,
  { roots, ...asked }: Asked & { readonly roots: readonly Certificate[] },
): string | undefined {
  const paths = { leaf: certificate, untrusted: intermediates, roots };
  const outcome = validatePath({ ...paths, ...asked, purpose: 'endorsement' });
  return outcome.kind === 'refused' ? `${outcome.reason} (${outcome.rfc})` : undefined;
}

/** The key of an endorsement certificate that an operator names. Throws `endorsements.refused`. */
export function namedKey({ publicKey, extensions }: Certificate, keyRules: KeyRules): PublicKey {
  if (extensions.basicConstraints?.ca === true)
    throw refused('it is the certificate of a CA, not of an endorsement key: give it as a root');
  const flaw = endorsementKeyFlaw(publicKey, keyRules);
  if (flaw !== undefined) throw refused(flaw);
  return publicKey;
}

/** Throws `endorsements.refused` for a CA by which no endorsement key could be believed. */
export function assertRoot(ca: Certificate, asked: Asked): void {
  const flaw = anchorFlaw(ca, { ...asked, purpose: 'endorsement' });
  if (flaw !== undefined) throw refused(`\`${ca.subject.text}\`: ${flaw.reason} (${flaw.rfc})`);
}

export function refused(why: string): EndorsementsError {
  return new EndorsementsError('endorsements.refused', `the certificate is not taken: ${why}`);
}
