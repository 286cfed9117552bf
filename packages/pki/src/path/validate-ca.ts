import { type Certificate, isSelfIssued, isSignedBy } from '../certificate/certificate.ts';
import { hasExtension } from '../certificate/extensions.ts';
import { type KeyRules, noKeyRules } from '../key-rules.ts';
import { extensionOids } from '../oids.ts';
import { commonFlaw, flaw, type Purpose, signedFlaw } from './certificate-flaws.ts';
import { findChain } from './find-chain.ts';
import { caFlaw } from './issuer-flaws.ts';
import type { Flaw, PathOutcome } from './outcome.ts';
import { validityFlaw } from './validity.ts';

export interface CaInput {
  /** A CA's certificate: a root, one that issues, or a cross-certificate. */
  readonly ca: Certificate;
  readonly untrusted: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly atMs: number;
  /** As in `PathInput`. */
  readonly keyRules?: KeyRules;
}

const purposes = ['clientAuth', 'serverAuth'] as const;

/**
 * Decides whether what this CA is to sign for devices and servers would be believed: its own marks, and below the roots given its
 * chain, by the rules of `validatePath`. A root needs no chain; it must be signed by itself.
 */
export function validateCa({ ca, untrusted, roots, atMs, keyRules = noKeyRules }: CaInput): PathOutcome {
  const own = ownFlaw(ca, { atMs, keyRules });
  if (own !== undefined) return { kind: 'refused', ...own };
  if (isSelfIssued(ca)) {
    if (isSignedBy(ca, ca)) return { kind: 'accepted', chain: [ca] };
    return {
      kind: 'refused',
      ...flaw('bad_signature', 'its own key did not sign it', 'RFC 5280 section 6.1'),
    };
  }
  const below = signedFlaw(ca);
  if (below !== undefined) return { kind: 'refused', ...below };
  const tried = purposes.map((purpose) => findChain({ leaf: ca, untrusted, roots, atMs, purpose, keyRules }));
  for (const found of tried) if (found.kind === 'none') return { kind: 'refused', ...found.flaw };
  const chain = tried.flatMap((found) => (found.kind === 'found' ? [found.chain] : []))[0] ?? [];
  const tooLong = pathLengthFlaw(chain);
  return tooLong === undefined ? { kind: 'accepted', chain } : { kind: 'refused', ...tooLong };
}

/** `findChain` takes the first certificate for a leaf, which does not count; this one is a CA with leaves below it. */
function pathLengthFlaw(chain: readonly Certificate[]): Flaw | undefined {
  const limiting = chain.find(({ extensions }, depth) => {
    const below = chain.slice(0, depth).filter((certificate) => !isSelfIssued(certificate));
    return below.length > (extensions.basicConstraints?.pathLen ?? Number.POSITIVE_INFINITY);
  });
  if (limiting === undefined) return undefined;
  const reason = `\`${limiting.subject.text}\` allows fewer CAs below it`;
  return flaw('path_too_long', reason, 'RFC 5280 section 4.2.1.9');
}

/**
 * The first reason why a CA that nothing here vouches for cannot be what certificates of this purpose are believed by: its own marks,
 * key and dates. Who signed it is not looked at (RFC 5280 §6.1.1 (d): a trust anchor is given, not found).
 */
export function anchorFlaw(
  ca: Certificate,
  {
    atMs,
    purpose,
    keyRules = noKeyRules,
  }: { readonly atMs: number; readonly purpose: Purpose; readonly keyRules?: KeyRules },
): Flaw | undefined {
  return marksFlaw(ca, { atMs, keyRules, purposes: [purpose] });
}

function ownFlaw(
  ca: Certificate,
  asked: { readonly atMs: number; readonly keyRules: KeyRules },
): Flaw | undefined {
  const marks = marksFlaw(ca, { ...asked, purposes });
  if (marks !== undefined) return marks;
  const usage = ca.extensions.keyUsage;
  if (!hasExtension(ca.extensions, extensionOids.keyUsage) || usage?.includes('cRLSign') !== true)
    return flaw(
      'key_usage',
      'its key usage does not name keyCertSign and cRLSign',
      'RFC 5280 section 4.2.1.3',
    );
  return undefined;
}

function marksFlaw(
  ca: Certificate,
  asked: { readonly atMs: number; readonly keyRules: KeyRules; readonly purposes: readonly Purpose[] },
): Flaw | undefined {
  const common = commonFlaw(ca, asked.keyRules) ?? validityFlaw(ca, asked.atMs);
  if (common !== undefined) return common;
  for (const purpose of asked.purposes) {
    const marks = caFlaw(ca, { below: [], purpose });
    if (marks !== undefined) return marks;
  }
  if (ca.extensions.subjectKeyId === undefined)
    return flaw('subject_key_id', 'it has no subject key identifier', 'RFC 5280 section 4.2.1.2');
  return undefined;
}
