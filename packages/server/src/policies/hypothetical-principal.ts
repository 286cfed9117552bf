import { type CertificateId, parsePolicyName } from '@fleetward/core';
import type { AttachedPolicy, CertificateContext, PrincipalContext } from '@fleetward/policy';
import type { Part, testPolicy } from '@fleetward/protocol';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import { PoliciesError } from './errors.ts';
import { type InEffect, policiesInEffect, policiesOfThing } from './in-effect.ts';
import { type NamedPrincipal, namedPrincipal } from './named-principal.ts';
import type { Policies } from './service.ts';

type Question = Part<(typeof testPolicy)['body']>;

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
  const certificate = certificateId === undefined ? undefined : await certificateOf(certificateId, known);
  const { thing, policies } = inEffect(question, named, known);
  const context: PrincipalContext = {
    clientId,
    ...(question.sourceIp === undefined ? {} : { sourceIp: question.sourceIp }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(thing === undefined ? {} : { thing }),
  };
  return { named, policies: policiesOf(question, policies, known), context };
}

async function certificateOf(certificateId: CertificateId, known: Known): Promise<CertificateContext> {
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
    const { thingName, ...rest } = thing;
    const hypothetical = { name: thingName, ...rest };
    const own = certificateId === undefined ? [] : known.policies.attachedTo(certificateId);
    return { thing: hypothetical, policies: [...own, ...policiesOfThing(hypothetical, known)] };
  }
  if (certificateId === undefined) return { thing, policies: [] };
  return policiesInEffect({ certificateId, clientId }, known);
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
  return { name, versionId: 0, document: policies.parse(text).document, via: 'certificate' };
}
