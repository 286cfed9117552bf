import { equalBytes } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import type { KeyRules } from '../key-rules.ts';
import { limits } from '../limits.ts';
import { flaw, type Purpose } from './certificate-flaws.ts';
import { issuerFlaw } from './issuer-flaws.ts';
import type { Flaw } from './outcome.ts';

export interface ChainSearch {
  readonly leaf: Certificate;
  readonly untrusted: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly atMs: number;
  readonly purpose: Purpose;
  readonly keyRules: KeyRules;
}

export type FoundChain =
  | { readonly kind: 'found'; readonly chain: readonly Certificate[] }
  | { readonly kind: 'none'; readonly flaw: Flaw };

interface Progress {
  readonly search: ChainSearch;
  candidatesLeft: number;
  /** The flaw met furthest from the leaf: the most telling one. */
  deepest: { readonly depth: number; readonly flaw: Flaw } | undefined;
}

/** Searches depth first for a chain from the leaf to a root, roots before intermediates, within fixed bounds. */
export function findChain(search: ChainSearch): FoundChain {
  const progress: Progress = { search, candidatesLeft: limits.chainCandidatesMax, deepest: undefined };
  const chain = extend([search.leaf], progress);
  if (chain !== undefined) return { kind: 'found', chain };
  return { kind: 'none', flaw: progress.deepest?.flaw ?? unknownIssuer(search.leaf) };
}

function extend(below: readonly Certificate[], progress: Progress): readonly Certificate[] | undefined {
  const { roots, untrusted } = progress.search;
  if (below.length >= limits.chainCertificatesMax)
    return note(
      progress,
      below,
      flaw('path_too_long', 'the chain has too many certificates', 'RFC 5280 section 6.1'),
    );
  const top = below.at(-1);
  if (top === undefined) return undefined;
  for (const root of roots)
    if (issuedBy(top, root) && tried(root, { below, progress, isRoot: true })) return [...below, root];
  for (const candidate of untrusted) {
    if (!issuedBy(top, candidate) || contains(below, candidate)) continue;
    if (!tried(candidate, { below, progress, isRoot: false })) continue;
    const chain = extend([...below, candidate], progress);
    if (chain !== undefined) return chain;
  }
  return note(progress, below, unknownIssuer(top));
}

function issuedBy(child: Certificate, issuer: Certificate): boolean {
  return equalBytes(child.issuer.der, issuer.subject.der);
}

// The same name and key again cannot bring the search further (RFC 4158 §2.4.2).
function contains(below: readonly Certificate[], candidate: Certificate): boolean {
  return below.some(
    ({ subject, publicKey }) =>
      equalBytes(subject.der, candidate.subject.der) && equalBytes(publicKey.spki, candidate.publicKey.spki),
  );
}

interface Attempt {
  readonly below: readonly Certificate[];
  readonly progress: Progress;
  readonly isRoot: boolean;
}

function tried(issuer: Certificate, { below, progress, isRoot }: Attempt): boolean {
  if (progress.candidatesLeft <= 0) {
    note(
      progress,
      below,
      flaw('too_complex', 'too many possible issuers were tried', 'RFC 4158 section 2.4'),
    );
    return false;
  }
  progress.candidatesLeft--;
  const { atMs, purpose, keyRules } = progress.search;
  const found = issuerFlaw(issuer, { below, isRoot, atMs, purpose, keyRules });
  if (found !== undefined) note(progress, below, found);
  return found === undefined;
}

function note(progress: Progress, below: readonly Certificate[], found: Flaw): undefined {
  if (progress.deepest === undefined || below.length > progress.deepest.depth)
    progress.deepest = { depth: below.length, flaw: found };
}

function unknownIssuer(certificate: Certificate): Flaw {
  const reason = `no trusted CA is called \`${certificate.issuer.text}\``;
  return flaw('unknown_issuer', reason, 'RFC 5280 section 6.1.3');
}
