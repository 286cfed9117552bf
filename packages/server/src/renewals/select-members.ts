import type { CertificateId, ThingName } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import type { RenewalMember, RenewalSelection } from './store.ts';

export interface SelectParts {
  readonly things: Pick<Things, 'page' | 'certificatesOf'>;
  readonly groups: Pick<Groups, 'members'>;
  readonly certificates: Pick<Certificates, 'summary' | 'standing' | 'isRemovedCa'>;
  readonly nowMs: number;
}

const pageSize = 1000;

/** The newest active certificate of each thing, of a CA that was not removed, where it matches: older ones are what was renewed before. */
export async function selectMembers(
  selection: RenewalSelection,
  parts: SelectParts,
): Promise<readonly RenewalMember[]> {
  const members: RenewalMember[] = [];
  for await (const thingName of namesOf(selection, parts)) {
    const newest = newestOf(thingName, parts);
    if (newest === undefined || !matches(newest, selection)) continue;
    members.push({ certificateId: newest.certificateId, thingName, state: 'WAITING' });
  }
  return [...new Map(members.map((member) => [member.certificateId, member])).values()];
}

async function* namesOf(
  { groupName }: RenewalSelection,
  { things, groups }: SelectParts,
): AsyncIterable<ThingName> {
  if (groupName !== undefined) {
    yield* await groups.members(groupName);
    return;
  }
  for (let after: ThingName | undefined; ; ) {
    const page = await things.page(after === undefined ? { limit: pageSize } : { after, limit: pageSize });
    for (const { name } of page) yield name;
    after = page.at(-1)?.name;
    if (after === undefined) return;
  }
}

function newestOf(thingName: ThingName, { things, certificates, nowMs }: SelectParts) {
  const isActive = (certificateId: CertificateId) => certificates.standing(certificateId, nowMs) === 'active';
  return things
    .certificatesOf(thingName)
    .filter(({ certificateId }) => isActive(certificateId))
    .flatMap(({ certificateId }) => certificates.summary(certificateId) ?? [])
    .filter(({ issuerId }) => !certificates.isRemovedCa(issuerId))
    .toSorted((a, b) => b.issuedAtMs - a.issuedAtMs)[0];
}

function matches(
  certificate: { readonly issuerId: CertificateId; readonly profile: string; readonly notAfterMs: number },
  { issuerId, profile, expiresBeforeMs }: RenewalSelection,
): boolean {
  if (certificate.profile === 'vendor') return false; // only its vendor can
  if (issuerId !== undefined && certificate.issuerId !== issuerId) return false;
  if (profile !== undefined && certificate.profile !== profile) return false;
  return expiresBeforeMs === undefined || certificate.notAfterMs < expiresBeforeMs;
}
