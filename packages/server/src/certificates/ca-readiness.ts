import { setImmediate } from 'node:timers/promises';
import type { CertificateId, Clock } from '@fleetward/core';
import { type Certificate, parseCertificate, validateCa } from '@fleetward/pki';
import type { Authorities, Authority, Trust } from './authorities.ts';
import type { CertificateRegistry } from './registry.ts';
import { type AuthorityRecord, type CertificateSummary, toldOfCasAtMs } from './store.ts';

/** `certificate`: what it presents would be refused. `server-trust`: it may know no root by which it would believe the platform. */
export type UnreadyReason = 'certificate' | 'server-trust';

export interface UnreadyCertificate
  extends Pick<CertificateSummary, 'certificateId' | 'issuerId' | 'notAfterMs'> {
  readonly reasons: readonly UnreadyReason[];
}

/** What the removal of a CA would do, were it now. */
export interface CaReadiness {
  /** Certificates in force but the platform's own. */
  readonly inForce: number;
  readonly unready: number;
  readonly byReason: Readonly<Record<UnreadyReason, number>>;
  /** Whether the platform could still issue. */
  readonly canIssue: boolean;
  /** Ids of the roots from which the platform's own chain would verify no more. */
  readonly rootsLost: readonly CertificateId[];
  /** Those that end last come first, as many as were asked for. */
  readonly certificates: readonly UnreadyCertificate[];
}

export interface ReadinessParts {
  readonly authorities: Authorities;
  readonly registry: CertificateRegistry;
  readonly clock: Clock;
}

const certificatesATurn = 10_000;

/**
 * Simulates the removal: each issuing CA and the platform's own chain are judged by the gateway's rules on the CAs that would be left.
 * What a device trusts is not known to the platform; one that was given CAs last, with its certificate or by EST, before there was any
 * root that would still vouch for the platform can have learnt of none of them, and is counted.
 */
export async function caReadiness(
  removed: Authority,
  parts: ReadinessParts,
  options: { readonly limit: number },
): Promise<CaReadiness> {
  const { authorities, registry, clock } = parts;
  const nowMs = clock.now();
  const before = simulation(
    authorities.all().filter(({ state }) => state !== 'removed'),
    nowMs,
  );
  const after = simulation(
    before.left.filter(({ certificateId }) => certificateId !== removed.certificateId),
    nowMs,
  );
  const rootsLost = before.rootsOfServer.filter((root) => !after.rootsOfServer.includes(root));
  const trustedSinceMs =
    rootsLost.length === 0 ? 0 : Math.min(...after.rootsOfServer.map(({ createdAtMs }) => createdAtMs));
  const unready: UnreadyCertificate[] = [];
  const byReason = { certificate: 0, 'server-trust': 0 };
  let inForce = 0;
  let looked = 0;
  for (const summary of registry.all()) {
    if (++looked % certificatesATurn === 0) await setImmediate();
    // The platform makes itself another one, by the CA that is left; what vendors issued rests on their CAs.
    if (summary.profile === 'server' || summary.profile === 'vendor') continue;
    if (summary.state !== 'ACTIVE' || summary.notAfterMs < nowMs || !before.believes(summary)) continue;
    inForce++;
    const reasons: UnreadyReason[] = [
      ...(after.believes(summary) ? [] : (['certificate'] as const)),
      ...(toldOfCasAtMs(summary) < trustedSinceMs ? (['server-trust'] as const) : []),
    ];
    for (const reason of reasons) byReason[reason]++;
    const { certificateId, issuerId, notAfterMs } = summary;
    if (reasons.length > 0) unready.push({ certificateId, issuerId, notAfterMs, reasons });
  }
  return {
    inForce,
    unready: unready.length,
    byReason,
    canIssue: after.issuer !== undefined,
    rootsLost: rootsLost.map(({ certificateId }) => certificateId),
    certificates: unready.toSorted((a, b) => b.notAfterMs - a.notAfterMs).slice(0, options.limit),
  };
}

/** The roots by which the platform is believed now, and would be no more once these CAs are in use: the newest one issues its certificate. */
export function rootsLostBy(
  fresh: readonly AuthorityRecord[],
  { authorities, clock }: Pick<ReadinessParts, 'authorities' | 'clock'>,
): readonly Authority[] {
  const present = authorities.all().filter(({ state }) => state !== 'removed');
  const added = fresh.map((record) => ({ ...record, certificate: parseCertificate(record.der) }));
  const before = simulation(present, clock.now());
  const after = simulation([...added, ...present], clock.now());
  return before.rootsOfServer.filter((root) => !after.rootsOfServer.includes(root));
}

/** What holds with these CAs and no others. */
function simulation(left: readonly Authority[], nowMs: number) {
  const trust: Trust = {
    roots: certificatesOf(left, ['root']),
    issuers: certificatesOf(left, ['issuing', 'cross']),
  };
  const believed = new Map(
    left
      .filter(({ kind }) => kind === 'issuing')
      .map((ca) => [ca.certificateId, isBelieved(ca, trust, nowMs)]),
  );
  const issuer = left
    .filter(({ kind, state }) => kind === 'issuing' && state === 'active')
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
  const rootsOfServer = left.filter(
    (root) =>
      root.kind === 'root' &&
      issuer !== undefined &&
      isBelieved(issuer, { ...trust, roots: [root.certificate] }, nowMs),
  );
  return {
    left,
    issuer,
    rootsOfServer,
    believes: ({ issuerId }: CertificateSummary): boolean => believed.get(issuerId) === true,
  };
}

function certificatesOf(
  left: readonly Authority[],
  kinds: readonly Authority['kind'][],
): readonly Certificate[] {
  return left.filter(({ kind }) => kinds.includes(kind)).map(({ certificate }) => certificate);
}

function isBelieved({ certificate }: Authority, { roots, issuers }: Trust, atMs: number): boolean {
  return validateCa({ ca: certificate, untrusted: issuers, roots, atMs }).kind === 'accepted';
}
