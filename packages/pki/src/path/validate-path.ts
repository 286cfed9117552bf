import type { Certificate } from '../certificate/certificate.ts';
import type { Crl } from '../crl/crl.ts';
import { type KeyRules, noKeyRules } from '../key-rules.ts';
import { leafFlaw, type Purpose } from './certificate-flaws.ts';
import { findChain } from './find-chain.ts';
import type { Flaw, PathOutcome } from './outcome.ts';
import { revocationFlaw } from './revocation.ts';
import { validityFlaw } from './validity.ts';

export interface PathInput {
  readonly leaf: Certificate;
  /** Intermediates, whoever sent them; keep the objects of configured ones, so that their checks are not repeated. */
  readonly untrusted?: readonly Certificate[];
  /** Trust anchors. Their own signature is not looked at; name, key, validity and CA marks are. */
  readonly roots: readonly Certificate[];
  readonly atMs: number;
  readonly purpose: Purpose;
  /** When given, also empty, the leaf must be on none and its issuer must have a current one among them. */
  readonly crls?: readonly Crl[];
  /** How long after its end a leaf may still renew; default 0. */
  readonly graceMs?: number;
  /** Keep the object: what was found by it is kept too. */
  readonly keyRules?: KeyRules;
}

/**
 * Decides whether a presented certificate is to be believed (RFC 5280 §6.1, with the stricter rules of this package).
 * `expired` is reported only when all else is in order. No side effects but caches keyed by the objects passed in.
 */
export function validatePath(input: PathInput): PathOutcome {
  const { leaf, untrusted = [], roots, atMs, purpose, crls, graceMs = 0, keyRules = noKeyRules } = input;
  const ownFlaw = leafFlaw(leaf, { purpose, keyRules });
  if (ownFlaw !== undefined) return refused(ownFlaw);
  const found = findChain({ leaf, untrusted, roots, atMs, purpose, keyRules });
  if (found.kind === 'none') return refused(found.flaw);
  const { chain } = found;
  const revoked = crls === undefined ? undefined : revocationFlaw({ chain, crls, atMs });
  if (revoked !== undefined) return refused(revoked);
  const outside = validityFlaw(leaf, atMs);
  if (outside === undefined) return { kind: 'accepted', chain };
  const expiredForMs = atMs - leaf.notAfterMs;
  if (outside.code === 'expired' && expiredForMs <= graceMs) return { kind: 'grace', chain, expiredForMs };
  return refused(outside);
}

function refused(flaw: Flaw): PathOutcome {
  return { kind: 'refused', ...flaw };
}
