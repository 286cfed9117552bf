import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Certificate, csrAttributes, type LeafProfileName } from '@fleetward/pki';
import type { Certificates } from '../../certificates/index.ts';
import type { Enrollment, EnrollmentOutcome } from '../../enrollment/index.ts';
import type { RawAnswer, RawRequest, RawRoute } from '../../http/index.ts';
import type { Provisioning } from '../../provisioning/index.ts';
import type { Admission, Admit } from '../admission.ts';
import {
  askForCertificate,
  askForCredentials,
  askForToken,
  base64Answer,
  certificatesAnswer,
  madeKeyAnswer,
  refusal,
} from './answers.ts';
import { channelBindingOf } from './channel-binding.ts';
import { basicPassword, readCsr } from './requests.ts';

const root = '/.well-known/est';
/** Profiles that are given here, or renewed. */
const labels = ['device', 'tpm-device', 'claim', 'operator'] as const satisfies readonly LeafProfileName[];
type Label = (typeof labels)[number] | undefined;
const csrType = 'application/pkcs10';
/** In base64: one with an RSA key of 4,096 bits has under 3,000. */
const csrBytesMax = 32_768;

interface EstParts {
  readonly certificates: Certificates;
  readonly enrollment: Enrollment;
  readonly provisioning: Pick<Provisioning, 'enroll' | 'enrollWithMadeKey'>;
  readonly admit: Admit;
}

/**
 * EST (RFC 7030, RFC 8951): CA certificates, what a request should have, enrolment with a join token as the password of HTTP
 * Basic or with a claim certificate, and re-enrolment with the certificate that is to be renewed: each with the device's own key,
 * or one made here.
 */
export function estRoutes(parts: EstParts): readonly RawRoute[] {
  return [undefined, ...labels].flatMap((label) => operations(parts, label));
}

/** RFC 7030 §3.2.2: a label of the path chooses the profile. */
function operations(parts: EstParts, label: Label): readonly RawRoute[] {
  const { certificates, enrollment, provisioning, admit } = parts;
  const prefix = label === undefined ? root : `${root}/${label}`;
  return [
    // RFC 7030 §4.1: anybody may ask.
    {
      method: 'GET',
      path: `${prefix}/cacerts`,
      mediaTypes: [],
      handle: async ({ socket }) => {
        const peer = admissionOf(socket, admit);
        if (peer.kind === 'admitted') await certificates.noteCasFetched(peer.certificateId);
        return certificatesAnswer(certificates.caCertificates());
      },
    },
    {
      method: 'GET',
      path: `${prefix}/csrattrs`,
      mediaTypes: [],
      handle: async () => base64Answer('application/csrattrs', csrAttributes(enrollment)),
    },
    forNewcomers(`${prefix}/simpleenroll`, {
      label,
      admit,
      enrol: (request) => enrollment.enroll(request),
      enrolByClaim: (claim, request) => provisioning.enroll(claim, request),
    }),
    forNewcomers(`${prefix}/serverkeygen`, {
      label,
      admit,
      enrol: (request) => enrollment.enrollWithMadeKey(request),
      enrolByClaim: (claim, request) => provisioning.enrollWithMadeKey(claim, request),
      renew: (request) => enrollment.renewWithMadeKey(request),
    }),
    {
      method: 'POST',
      path: `${prefix}/simplereenroll`,
      mediaTypes: [csrType],
      bodyBytesMax: csrBytesMax,
      refuse: ({ socket }) => (renewable(socket, admit) === undefined ? askForCertificate() : undefined),
      handle: (request) => simpleReenroll(request, { enrollment, admit, label }),
    },
  ];
}

interface ForNewcomers {
  readonly label: Label;
  readonly admit: Admit;
  readonly enrol: (request: Parameters<Enrollment['enroll']>[0]) => Promise<EnrollmentOutcome>;
  /** With a claim certificate in place of a token (RFC 7030 §3.3.2). */
  readonly enrolByClaim: Provisioning['enroll'];
  /** Where the certificate that a device has will do too; none in its grace, by which a device re-enrols with a key of its own alone. */
  readonly renew?: Enrollment['renew'];
}

/** An operation for who has no certificate of its own yet, and where `renew` is given for who has one. */
function forNewcomers(path: string, { label, admit, enrol, enrolByClaim, renew }: ForNewcomers): RawRoute {
  return {
    method: 'POST',
    path,
    mediaTypes: [csrType],
    bodyBytesMax: csrBytesMax,
    refuse: ({ headers, socket }) => {
      const peer = admissionOf(socket, admit);
      if (peer.kind === 'renew-only') return refusal(403, peer.explanation);
      if (peer.kind === 'claim' || (peer.kind === 'admitted' && renew !== undefined)) return undefined;
      return basicPassword(headers.authorization) === undefined ? askForCredentials() : undefined;
    },
    handle: async ({ headers, body, socket, remoteAddress }) => {
      const csrDer = readCsr(body);
      const binding = channelBindingOf(socket as TLSSocket);
      const request = { csrDer, binding, ...labelled(label) };
      // Whoever sends a token wants it to count, whatever certificate its connection has.
      const secret = basicPassword(headers.authorization);
      if (secret !== undefined) return answer(await enrol({ ...request, secret, remoteAddress }));
      const peer = admissionOf(socket, admit);
      if (peer.kind === 'claim')
        return answer(await enrolByClaim({ certificateId: peer.certificateId, remoteAddress }, request));
      if (peer.kind !== 'admitted' || renew === undefined) return askForCredentials();
      return answer(await renew({ ...request, current: peer.certificate, remoteAddress }));
    },
  };
}

/** Decided anew for each request: the registry may have changed since the handshake. */
function admissionOf(socket: Socket, admit: Admit): Admission {
  return admit((socket as TLSSocket).getPeerX509Certificate()?.raw);
}

/** The certificate by which the peer may re-enrol, in force or within its grace. */
function renewable(socket: Socket, admit: Admit): Certificate | undefined {
  const admission = admissionOf(socket, admit);
  return admission.kind === 'admitted' || admission.kind === 'renew-only' ? admission.certificate : undefined;
}

async function simpleReenroll(
  { socket, body, remoteAddress }: RawRequest,
  { enrollment, admit, label }: Pick<EstParts, 'enrollment' | 'admit'> & { readonly label: Label },
): Promise<RawAnswer> {
  const current = renewable(socket, admit);
  if (current === undefined) return askForCertificate();
  const csrDer = readCsr(body);
  const binding = channelBindingOf(socket as TLSSocket);
  return answer(await enrollment.renew({ csrDer, current, remoteAddress, binding, ...labelled(label) }));
}

function labelled(label: Label): { readonly label?: string } {
  return label === undefined ? {} : { label };
}

function answer(outcome: EnrollmentOutcome): RawAnswer {
  if (outcome.kind === 'issued') {
    const { chain, privateKey } = outcome;
    return privateKey === undefined ? certificatesAnswer(chain) : madeKeyAnswer(chain, privateKey);
  }
  switch (outcome.fault) {
    case 'token':
      return askForToken(outcome.deviceText);
    case 'request':
      return refusal(400, outcome.deviceText);
    case 'certificate':
      return refusal(403, outcome.deviceText);
    case 'busy':
      return { ...refusal(503, outcome.deviceText), headers: { 'retry-after': '10' } };
  }
}
