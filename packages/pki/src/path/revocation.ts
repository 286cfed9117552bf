import { equalBytes } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import { type Crl, isCrlSignedBy } from '../crl/crl.ts';
import { flaw } from './certificate-flaws.ts';
import type { Flaw } from './outcome.ts';

export interface RevocationCheck {
  /** From leaf to root. */
  readonly chain: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly atMs: number;
}

/** The leaf needs a current CRL of its issuer; the CAs above are checked where a CRL of theirs is given (RFC 5280 §6.3). */
export function revocationFlaw({ chain, crls, atMs }: RevocationCheck): Flaw | undefined {
  for (let depth = 0; depth + 1 < chain.length; depth++) {
    const [certificate, issuer] = [chain[depth], chain[depth + 1]];
    if (certificate === undefined || issuer === undefined) continue;
    const own = crls.filter((crl) => equalBytes(crl.issuer.der, issuer.subject.der));
    if (own.length === 0 && depth > 0) continue;
    const found = certificateFlaw(certificate, { issuer, crls: own, atMs });
    if (found !== undefined) return found;
  }
  return undefined;
}

interface IssuerCrls {
  readonly issuer: Certificate;
  readonly crls: readonly Crl[];
  readonly atMs: number;
}

function certificateFlaw(certificate: Certificate, { issuer, crls, atMs }: IssuerCrls): Flaw | undefined {
  const believed = crls.filter((crl) => isBelieved(crl, issuer));
  for (const crl of believed) {
    const entry = crl.revoked.get(certificate.serial);
    // A revocation counts even on a CRL that is stale or only part of the truth.
    if (entry !== undefined)
      return flaw(
        'revoked',
        `\`${certificate.subject.text}\` was revoked at ${new Date(entry.revokedAtMs).toISOString()} (${entry.reason})`,
        'RFC 5280 section 6.3.3',
      );
  }
  if (believed.some((crl) => isCurrent(crl, atMs))) return undefined;
  return flaw(
    'no_current_crl',
    `no valid CRL of \`${issuer.subject.text}\` is current`,
    'RFC 5280 section 6.3.3',
  );
}

function isBelieved(crl: Crl, issuer: Certificate): boolean {
  const usage = issuer.extensions.keyUsage;
  return (usage === undefined || usage.includes('cRLSign')) && isSignedOnce(crl, issuer);
}

function isCurrent(crl: Crl, atMs: number): boolean {
  return crl.unknownCritical.length === 0 && atMs >= crl.thisUpdateMs && atMs <= crl.nextUpdateMs;
}

// A CRL can be megabytes and is asked about often: its signature is computed once for each issuer.
const signed = new WeakMap<Crl, WeakMap<Certificate, boolean>>();

function isSignedOnce(crl: Crl, issuer: Certificate): boolean {
  const known = signed.get(crl) ?? new WeakMap<Certificate, boolean>();
  signed.set(crl, known);
  const result = known.get(issuer) ?? isCrlSignedBy(crl, issuer);
  known.set(issuer, result);
  return result;
}
