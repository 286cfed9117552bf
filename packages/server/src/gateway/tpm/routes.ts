import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { toBase64 } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { type DeviceAnswer, jsonAnswer } from '../../device-route.ts';
import type { Enrollment, Refusal } from '../../enrollment/index.ts';
import type { RawRequestHead, RawRoute } from '../../http/index.ts';
import type { Admit } from '../admission.ts';
import { channelBindingOf } from '../est/channel-binding.ts';
import { basicPassword } from '../est/requests.ts';
import { readAnswer, readEvidence, tpmBodyBytesMax } from './read-body.ts';

interface TpmParts {
  readonly enrollment: Pick<Enrollment, 'challenge' | 'enrollWithTpm'>;
  readonly admit: Admit;
}

const mediaType = 'application/json';

/**
 * How a device without a certificate shows that its key is in a TPM: evidence for a challenge, then the secret in it for a certificate,
 * both with a join token as the password of HTTP Basic (docs/reference/tpm.md).
 */
export function tpmRoutes({ enrollment, admit }: TpmParts): readonly RawRoute[] {
  const route = { method: 'POST', mediaTypes: [mediaType], bodyBytesMax: tpmBodyBytesMax } as const;
  const refuseByHead = (request: RawRequestHead) => refusalOf(request, admit);
  return [
    {
      ...route,
      path: '/v1/tpm-challenges',
      refuse: refuseByHead,
      handle: async ({ headers, body, remoteAddress }) => {
        const evidence = readEvidence(body);
        if (evidence === undefined) return badRequest('the evidence of a TPM');
        const secret = basicPassword(headers.authorization) ?? '';
        const outcome = await enrollment.challenge({ evidence, secret, remoteAddress });
        if (outcome.kind === 'refused') return refusalAnswer(outcome);
        const { challengeId, credentialBlob, encryptedSecret, expiresAtMs } = outcome;
        const credential = {
          credentialBlob: toBase64(credentialBlob),
          encryptedSecret: toBase64(encryptedSecret),
        };
        return jsonAnswer(201, { challengeId, ...credential, expiresAtMs });
      },
    },
    {
      ...route,
      path: '/v1/tpm-enrollments',
      refuse: refuseByHead,
      handle: async ({ headers, body, remoteAddress, socket }) => {
        const answered = readAnswer(body);
        if (answered === undefined) return badRequest('the answer to a challenge');
        const secret = basicPassword(headers.authorization) ?? '';
        const binding = channelBindingOf(socket as TLSSocket);
        const outcome = await enrollment.enrollWithTpm({ ...answered, secret, remoteAddress, binding });
        if (outcome.kind === 'refused') return refusalAnswer(outcome);
        const { thingName, certificateId } = outcome;
        const chain = outcome.chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
        return jsonAnswer(201, { thingName, certificateId, chain });
      },
    },
  ];
}

function refusalOf({ headers, socket }: RawRequestHead, admit: Admit): DeviceAnswer | undefined {
  const peer = admit(certificateOf(socket));
  if (peer.kind === 'renew-only') return refused(403, 'certificate_not_active', peer.explanation);
  if (basicPassword(headers.authorization) !== undefined) return undefined;
  return askForToken('send the join token as the password of HTTP Basic authentication');
}

function certificateOf(socket: Socket): Uint8Array | undefined {
  return (socket as TLSSocket).getPeerX509Certificate()?.raw;
}

function refusalAnswer({ fault, reason, deviceText }: Refusal): DeviceAnswer {
  switch (fault) {
    case 'token':
      return askForToken(deviceText, reason);
    case 'request':
      return refused(400, reason, deviceText);
    case 'certificate':
      return refused(403, reason, deviceText);
    case 'busy':
      return withHeader(refused(503, reason, deviceText), 'retry-after', '10');
  }
}

function askForToken(explanation: string, reason = 'token_unknown'): DeviceAnswer {
  return withHeader(
    refused(401, reason, explanation),
    'www-authenticate',
    'Basic realm="fleetward enrolment", charset="UTF-8"',
  );
}

function badRequest(what: string): DeviceAnswer {
  return refused(
    400,
    'attestation_malformed',
    `the body is not ${what} in JSON, as docs/reference/tpm.md describes it`,
  );
}

function refused(status: number, reason: string, explanation: string): DeviceAnswer {
  return jsonAnswer(status, { reason, explanation });
}

function withHeader(answer: DeviceAnswer, name: string, value: string): DeviceAnswer {
  return { ...answer, headers: { ...answer.headers, [name]: value } };
}
