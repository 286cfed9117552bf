import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fromBase64, toBase64, utf8 } from '@fleetward/core';
import { type Certificate, certsOnly } from '@fleetward/pki';
import type { Certificates } from '../certificates/index.ts';
import type { Enrollment, EnrollmentOutcome } from '../enrollment/index.ts';
import type { RawAnswer, RawRequest, RawRoute } from '../http/index.ts';
import type { Admission, Admit } from './admission.ts';

const prefix = '/.well-known/est';
const csrType = 'application/pkcs10';
/** In base64: one with an RSA key of 4,096 bits has under 3,000. */
const csrBytesMax = 32_768;

interface EstParts {
  readonly certificates: Certificates;
  readonly enrollment: Enrollment;
  readonly admit: Admit;
}

/**
 * EST (RFC 7030): CA certificates, enrolment with a join token as the password of HTTP Basic, and re-enrolment with the
 * certificate that is to be renewed.
 */
export function estRoutes({ certificates, enrollment, admit }: EstParts): readonly RawRoute[] {
  return [
    // RFC 7030 §4.1: anybody may ask.
    {
      method: 'GET',
      path: `${prefix}/cacerts`,
      mediaTypes: [],
      handle: async () => certificatesAnswer(certsOnly(certificates.caCertificates())),
    },
    // RFC 7030 §4.5.2: no attributes are asked for.
    {
      method: 'GET',
      path: `${prefix}/csrattrs`,
      mediaTypes: [],
      handle: async () => ({ status: 204, headers: {}, body: new Uint8Array() }),
    },
    {
      method: 'POST',
      path: `${prefix}/simpleenroll`,
      mediaTypes: [csrType],
      bodyBytesMax: csrBytesMax,
      refuse: ({ headers, socket }) => {
        const peer = admissionOf(socket, admit);
        if (peer.kind === 'renew-only') return refusal(403, peer.explanation);
        return basicPassword(headers.authorization) === undefined ? askForCredentials() : undefined;
      },
      handle: (request) => simpleEnroll(request, enrollment),
    },
    {
      method: 'POST',
      path: `${prefix}/simplereenroll`,
      mediaTypes: [csrType],
      bodyBytesMax: csrBytesMax,
      refuse: ({ socket }) => (renewable(socket, admit) === undefined ? askForCertificate() : undefined),
      handle: (request) => simpleReenroll(request, { enrollment, admit }),
    },
  ];
}

/** Decided anew for each request: the registry may have changed since the handshake. */
function admissionOf(socket: Socket, admit: Admit): Admission {
  return admit((socket as TLSSocket).getPeerX509Certificate()?.raw);
}

/** The certificate by which the peer may re-enrol, in force or within its grace. */
function renewable(socket: Socket, admit: Admit): Certificate | undefined {
  const admission = admissionOf(socket, admit);
  return 'certificate' in admission ? admission.certificate : undefined;
}

async function simpleReenroll(
  { socket, body, remoteAddress }: RawRequest,
  { enrollment, admit }: Pick<EstParts, 'enrollment' | 'admit'>,
): Promise<RawAnswer> {
  const current = renewable(socket, admit);
  if (current === undefined) return askForCertificate();
  const csrDer = readCsr(body);
  if (csrDer === undefined) return noCsr();
  return answer(await enrollment.renew({ csrDer, current, remoteAddress }));
}

async function simpleEnroll(request: RawRequest, enrollment: Enrollment): Promise<RawAnswer> {
  const secret = basicPassword(request.headers.authorization);
  if (secret === undefined) return askForCredentials();
  const csrDer = readCsr(request.body);
  if (csrDer === undefined) return noCsr();
  return answer(await enrollment.enroll({ csrDer, secret, remoteAddress: request.remoteAddress }));
}

function answer(outcome: EnrollmentOutcome): RawAnswer {
  if (outcome.kind === 'issued') return certificatesAnswer(certsOnly(outcome.chain));
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

// RFC 7030 §4.1.3, §4.2.3: base64 DER; the transfer encoding header is what older clients look for.
function certificatesAnswer(der: Uint8Array): RawAnswer {
  const headers = {
    'content-type': 'application/pkcs7-mime; smime-type=certs-only',
    'content-transfer-encoding': 'base64',
  };
  return { status: 200, headers, body: utf8(toBase64(der)) };
}

function noCsr(): RawAnswer {
  const what = `the base64 of a PKCS#10 request of type ${csrType}`;
  return refusal(400, `the body is not ${what} (RFC 7030 section 4.2.1)`);
}

/** No challenge: HTTP credentials are no help here. */
function askForCertificate(): RawAnswer {
  return refusal(401, 're-enrolment needs the certificate that is to be renewed, as TLS client certificate');
}

function askForCredentials(): RawAnswer {
  return askForToken('send the join token as the password of HTTP Basic authentication');
}

function askForToken(text: string): RawAnswer {
  const denied = refusal(401, text);
  return {
    ...denied,
    headers: { ...denied.headers, 'www-authenticate': 'Basic realm="fleetward enrolment", charset="UTF-8"' },
  };
}

function refusal(status: number, text: string): RawAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: utf8(`${text}\n`) };
}

/** RFC 8951 §3.1: white space in the base64 is to be ignored. */
function readCsr(body: Uint8Array): Uint8Array | undefined {
  try {
    return fromBase64(
      Buffer.from(body)
        .toString('latin1')
        .replace(/[ \t\r\n]/g, ''),
    );
  } catch {
    return undefined; // told to the device as a bad request
  }
}

function basicPassword(header: string | undefined): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const userAndPassword = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon < 0 ? undefined : userAndPassword.slice(colon + 1);
}
