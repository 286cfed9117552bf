import {
  type CertificateId,
  type GroupName,
  isAppError,
  type Json,
  parseGroupName,
  parsePolicyName,
  parseThingName,
} from '@fleetward/core';
import {
  type AttachedPolicy,
  type CertificateContext,
  type PrincipalContext,
  parsePrincipalContext,
} from '@fleetward/policy';
import type { Part, testPolicy } from '@fleetward/protocol';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import { PoliciesError } from './errors.ts';
import { type InEffect, policiesInEffect, together } from './in-effect.ts';
import { type NamedPrincipal, namedPrincipal } from './named-principal.ts';
import type { Policies } from './service.ts';

type Question = Part<(typeof testPolicy)['body']>;

const noCertificateId = '0'.repeat(64);

interface Known {
  readonly policies: Policies;
  readonly things: Things;
  readonly groups: Groups;
  readonly certificateContext: (certificateId: CertificateId) => Promise<CertificateContext | undefined>;
  /** Whether the platform would let the certificate connect now. */
  readonly mayConnect: (certificateId: CertificateId) => boolean;
}

interface HypotheticalPrincipal {
  readonly named: NamedPrincipal;
  readonly policies: readonly AttachedPolicy[];
  readonly context: PrincipalContext;
}

/** The principal a question is about: that of a certificate or a thing, with what the question says otherwise put in its place. */
export async function hypotheticalPrincipal(
  question: Question,
  known: Known,
): Promise<HypotheticalPrincipal> {
  const named = namedPrincipal(question, known);
  const { certificateId, clientId } = named;
  const { connect, certificate = await certificateOf(certificateId, known) } = contextOf(question);
  const { thing, policies } = inEffect(question, named, known);
  const context: PrincipalContext = {
    clientId,
    ...(question.sourceIp === undefined ? {} : { sourceIp: question.sourceIp }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(thing === undefined ? {} : { thing }),
    ...(connect === undefined ? {} : { connect }),
  };
  return { named, policies: policiesOf(question, policies, known), context };
}

/** What the question says of certificate and connection itself. Throws `policies.invalid_request`. */
function contextOf({ certificate, connect }: Question): PrincipalContext {
  const json = {
    ...(certificate === undefined ? {} : { certificate: { id: noCertificateId, ...certificate } }),
    ...(connect === undefined ? {} : { connect }),
  };
  try {
    // It came as JSON.
    return parsePrincipalContext(json as Json);
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw new PoliciesError('policies.invalid_request', cause.message, { cause, details: cause.details });
  }
}

async function certificateOf(
  certificateId: CertificateId | undefined,
  known: Known,
): Promise<CertificateContext | undefined> {
  if (certificateId === undefined) return undefined;
  const certificate = await known.certificateContext(certificateId);
  if (certificate !== undefined) return certificate;
  throw new PoliciesError('policies.certificate_unknown', `there is no certificate \`${certificateId}\``);
}

/** The certificate's own thing and policies, with the hypothetical thing and its groups in their place. */
function inEffect(
  { thing }: Question,
  { clientId, certificateId }: NamedPrincipal,
  known: Known,
): { readonly thing: PrincipalContext['thing']; readonly policies: InEffect['policies'] } {
  if (thing !== undefined) {
    const { thingName, groupNames, ...rest } = thing;
    const hypothetical = { name: thingName, ...rest };
    const own = certificateId === undefined ? [] : known.policies.attachedTo(certificateId);
    const lineage =
      groupNames === undefined
        ? known.groups.lineageOf([parseThingName(thingName)])
        : groupNames.flatMap((name) => lineageOfGroup(name, known));
    return { thing: hypothetical, policies: together(own, known.policies.ofGroups(lineage)) };
  }
  if (certificateId === undefined) return { thing, policies: [] };
  return policiesInEffect({ certificateId, clientId }, known);
}

function lineageOfGroup(text: string, { groups }: Known): readonly GroupName[] {
  const { name } = groups.get(parseGroupName(text));
  return [name, ...groups.surroundings(name).ancestorNames];
}

function policiesOf(
  { policyNames, documents }: Question,
  attached: readonly AttachedPolicy[],
  { policies }: Known,
): readonly AttachedPolicy[] {
  const stored = policyNames?.map((name) => policies.inForce(parsePolicyName(name))) ?? attached;
  const unsaved = documents?.map((text, index) => unsavedPolicy(policies, text, index)) ?? [];
  return [...stored, ...unsaved];
}

function unsavedPolicy(policies: Policies, text: string, index: number): AttachedPolicy {
  const name = `document ${index + 1} of the request`;
  return { name, versionId: 0, document: policies.versions.parse(text).document, via: 'certificate' };
}
