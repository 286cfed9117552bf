import type { CertificateId } from '@fleetward/core';
import { type AttachedPolicy, associateThing, parsePolicy } from '@fleetward/policy';
import type { Groups } from '../groups/index.ts';
import type { Thing, Things } from '../things/index.ts';
import type { Policies } from './service.ts';

/** Whom a connection is decided as: the thing it is, if it is one, and every policy that has a say. */
export interface InEffect {
  readonly thing: ReturnType<Things['known']>;
  readonly policies: readonly AttachedPolicy[];
}

interface Known {
  readonly things: Things;
  readonly groups: Groups;
  readonly policies: Policies;
}

/**
 * Of a claim certificate, what every claim may do and nothing else. Else the policies of the certificate and of the groups of the associated thing with all their ancestors. Without one, the groups of every
 * thing the certificate is attached to have a say: compiled without a thing, their Deny statements count and no Allow does. Without
 * a client id it is a request over HTTPS, which is no thing's, however exclusive the attachment.
 */
export function policiesInEffect(
  { certificateId, clientId }: { readonly certificateId: CertificateId; readonly clientId: string },
  { things, groups, policies }: Known,
): InEffect {
  const ofClaim = policies.ofClaim(certificateId);
  if (ofClaim !== undefined) return { thing: undefined, policies: ofClaim };
  const barred = things.shutOut(certificateId);
  if (barred !== undefined) return { thing: barred, policies: [denyAll(barred)] };
  const attachments = things.attachmentsOf(certificateId);
  const association = clientId === '' ? undefined : associateThing(attachments, clientId);
  const thing = association?.kind === 'associated' ? things.known(association.thingName) : undefined;
  const thingNames = thing === undefined ? attachments.map(({ thingName }) => thingName) : [thing.name];
  const lineage = groups.lineageOf(thingNames);
  const own = policies.attachedTo(certificateId);
  return { thing, policies: lineage.length === 0 ? own : together(own, policies.ofGroups(lineage)) };
}

/** What stands in the place of every policy while a thing is quarantined, and after it was retired. */
function denyAll({ state }: Pick<Thing, 'state'>): AttachedPolicy {
  return { name: `lifecycle state ${state}`, versionId: 1, document: nothing, via: 'certificate' };
}

const nothing = parsePolicy(
  '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}',
  { region: 'local', accountId: '000000000000' },
).document;

/** A policy that also the certificate has is decided once, with its Allows. */
export function together(
  own: readonly AttachedPolicy[],
  ofGroups: readonly AttachedPolicy[],
): readonly AttachedPolicy[] {
  if (ofGroups.length === 0) return own;
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...ofGroups.filter(({ name }) => !names.has(name))];
}
