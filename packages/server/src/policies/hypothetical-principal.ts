import { type CertificateId, parseCertificateId, parsePolicyName, parseThingName } from '@fleetward/core';
import {
  type AttachedPolicy,
  associateThing,
  type CertificateContext,
  type PrincipalContext,
} from '@fleetward/policy';
import type { Part, testPolicy } from '@fleetward/protocol';
import type { Things } from '../things/index.ts';
import { PoliciesError } from './errors.ts';
import type { Policies } from './service.ts';

type Question = Part<(typeof testPolicy)['body']>;

interface Known {
  readonly policies: Policies;
  readonly things: Things;
  readonly certificateContext: (certificateId: CertificateId) => Promise<CertificateContext | undefined>;
}

/** The principal a question is about: that of a certificate, with what the question says otherwise put in its place. */
export async function hypotheticalPrincipal(
  question: Question,
  known: Known,
): Promise<{ readonly policies: readonly AttachedPolicy[]; readonly context: PrincipalContext }> {
  const certificateId =
    question.certificateId === undefined ? undefined : parseCertificateId(question.certificateId);
  const certificate = certificateId === undefined ? undefined : await certificateOf(certificateId, known);
  const thing =
    question.thing === undefined
      ? associated(certificateId, question.clientId, known)
      : thingOf(question.thing);
  const context: PrincipalContext = {
    clientId: question.clientId,
    ...(question.sourceIp === undefined ? {} : { sourceIp: question.sourceIp }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(thing === undefined ? {} : { thing }),
  };
  return { policies: policiesOf(question, certificateId, known), context };
}

async function certificateOf(certificateId: CertificateId, known: Known): Promise<CertificateContext> {
  const certificate = await known.certificateContext(certificateId);
  if (certificate !== undefined) return certificate;
  throw new PoliciesError('policies.certificate_unknown', `there is no certificate \`${certificateId}\``);
}

function associated(
  certificateId: CertificateId | undefined,
  clientId: string,
  { things }: Known,
): PrincipalContext['thing'] {
  if (certificateId === undefined) return undefined;
  const association = associateThing(things.attachmentsOf(certificateId), clientId);
  return association.kind === 'associated' ? things.known(parseThingName(association.thingName)) : undefined;
}

function thingOf({ thingName, ...rest }: NonNullable<Question['thing']>): PrincipalContext['thing'] {
  return { name: thingName, ...rest };
}

function policiesOf(
  { policyNames, documents }: Question,
  certificateId: CertificateId | undefined,
  { policies }: Known,
): readonly AttachedPolicy[] {
  const attached = certificateId === undefined ? [] : policies.attachedTo(certificateId);
  const stored = policyNames?.map((name) => policies.inForce(parsePolicyName(name))) ?? attached;
  const unsaved = documents?.map((text, index) => unsavedPolicy(policies, text, index)) ?? [];
  return [...stored, ...unsaved];
}

function unsavedPolicy(policies: Policies, text: string, index: number): AttachedPolicy {
  const name = `document ${index + 1} of the request`;
  return { name, versionId: 0, document: policies.parse(text).document, via: 'certificate' };
}
