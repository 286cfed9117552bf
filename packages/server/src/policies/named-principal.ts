import { type CertificateId, parseCertificateId, parseThingName, type ThingName } from '@fleetward/core';
import type { Part, testPolicy } from '@fleetward/protocol';
import type { Things } from '../things/index.ts';
import { PoliciesError } from './errors.ts';

type Question = Part<(typeof testPolicy)['body']>;

interface Known {
  readonly things: Things;
  readonly mayConnect: (certificateId: CertificateId) => boolean;
}

/** With which certificate and client id the principal of a question connects. */
export interface NamedPrincipal {
  readonly certificateId?: CertificateId;
  readonly clientId: string;
}

/**
 * What the question names, and what follows from it: the certificate of the thing, and the thing's name as the client id.
 * Throws `things.not_found`, or `policies.invalid_request` where nothing follows.
 */
export function namedPrincipal(question: Question, known: Known): NamedPrincipal {
  if (question.thingName !== undefined && question.thing !== undefined)
    throw refused('`thingName` is a thing that exists and `thing` a hypothetical one: give one of the two');
  const certificateId = certificateOf(question, known);
  const clientId = question.clientId ?? question.thingName ?? question.thing?.thingName;
  return {
    clientId: clientId ?? thingNameOf(certificateId, known),
    ...(certificateId === undefined ? {} : { certificateId }),
  };
}

function certificateOf({ certificateId, thingName }: Question, known: Known): CertificateId | undefined {
  const given = certificateId === undefined ? undefined : parseCertificateId(certificateId);
  if (thingName === undefined) return given;
  const { name } = known.things.get(parseThingName(thingName));
  const own = known.things.certificatesOf(name).map((attachment) => attachment.certificateId);
  if (given === undefined) return onlyOne(name, own.filter(known.mayConnect));
  if (own.includes(given)) return given;
  throw refused(`certificate \`${given}\` is not attached to thing \`${name}\``);
}

function onlyOne(name: ThingName, candidates: readonly CertificateId[]): CertificateId {
  const [only, ...others] = candidates;
  if (only === undefined)
    throw refused(`no certificate of thing \`${name}\` may connect; give the \`certificateId\` of one`);
  if (others.length === 0) return only;
  const message = `${candidates.length} certificates of thing \`${name}\` may connect; give the \`certificateId\` of one`;
  throw refused(message, { certificateIds: candidates.slice(0, 10) });
}

function thingNameOf(certificateId: CertificateId | undefined, { things }: Known): string {
  const [only, ...others] = certificateId === undefined ? [] : things.attachmentsOf(certificateId);
  if (only !== undefined && others.length === 0) return only.thingName;
  throw refused('no single thing says which client id is meant: give the `clientId`');
}

function refused(message: string, details?: { readonly certificateIds: readonly string[] }): PoliciesError {
  return new PoliciesError('policies.invalid_request', message, details === undefined ? {} : { details });
}
