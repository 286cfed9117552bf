import { networkOf } from '../network-of.ts';
import type { Denial, DenialFilter, DenialReport } from './denial.ts';

const textCharsMax = 1024;

/** Cuts what a peer chose the length of, so that a ring of denials has a known size in memory. */
export function clipReport(report: DenialReport): DenialReport {
  const { clientId, resource, explanation, remoteAddress } = report;
  return {
    ...report,
    remoteAddress: clip(remoteAddress, 64),
    explanation: clip(explanation, textCharsMax),
    ...(clientId === undefined ? {} : { clientId: clip(clientId, 128) }),
    ...(resource === undefined ? {} : { resource: clip(resource, textCharsMax) }),
  };
}

/** Whether `clipReport` may have cut this resource: then it is no longer what was asked for. */
export function isClipped(resource: string): boolean {
  return resource.length >= textCharsMax;
}

export function matchesFilter(denial: Denial, filter: Omit<DenialFilter, 'limit'>): boolean {
  return (
    isOfThing(denial, filter) &&
    (filter.certificateId === undefined || denial.certificateId === filter.certificateId) &&
    (filter.cause === undefined || denial.cause === filter.cause) &&
    (filter.sinceMs === undefined || denial.atMs >= filter.sinceMs) &&
    (filter.afterSeq === undefined || denial.seq > filter.afterSeq)
  );
}

/** A handshake, and a client id that is not the thing's name, are refused before the peer is any thing. */
function isOfThing(
  { thingName, certificateId }: Denial,
  { thingName: wanted, thingCertificateIds = [] }: Pick<DenialFilter, 'thingName' | 'thingCertificateIds'>,
): boolean {
  if (wanted === undefined || thingName === wanted) return true;
  return (
    thingName === undefined && certificateId !== undefined && thingCertificateIds.includes(certificateId)
  );
}

/** Who is counted as one principal: the certificate, or for a peer that has none its address (IPv6: its /64). */
export function principalOf(report: Pick<DenialReport, 'certificateId' | 'remoteAddress'>): string {
  return report.certificateId ?? `address ${networkOf(report.remoteAddress)}`;
}

/** Nobody vouches for who this is: anyone can make up as many of them as they have addresses. */
export function isStranger(report: DenialReport): boolean {
  return report.certificateId === undefined;
}

function clip(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
}
