import { toBase64, utf8 } from '@fleetward/core';
import { type Certificate, certsOnly } from '@fleetward/pki';
import type { RawAnswer } from '../../http/index.ts';

const certificatesType = 'application/pkcs7-mime; smime-type=certs-only';
/** Never inside base64. */
const boundary = 'fleetward-est-part';

export function certificatesAnswer(certificates: readonly Certificate[]): RawAnswer {
  return base64Answer(certificatesType, certsOnly(certificates));
}

/** RFC 7030 §4.1.3, §4.5.2: base64 DER; the transfer encoding header is what older clients look for (RFC 8951 §3.1). */
export function base64Answer(contentType: string, der: Uint8Array): RawAnswer {
  const headers = { 'content-type': contentType, 'content-transfer-encoding': 'base64' };
  return { status: 200, headers, body: utf8(base64Lines(der)) };
}

/** RFC 7030 §4.4.2: the key that was made and its certificate; nobody on the way may keep it. */
export function madeKeyAnswer(certificates: readonly Certificate[], pkcs8: Uint8Array): RawAnswer {
  const parts = [part('application/pkcs8', pkcs8), part(certificatesType, certsOnly(certificates))];
  const headers = {
    'content-type': `multipart/mixed; boundary=${boundary}`,
    'cache-control': 'no-store',
  };
  return { status: 200, headers, body: utf8(`${parts.join('')}--${boundary}--\r\n`) };
}

function part(contentType: string, der: Uint8Array): string {
  const head = `Content-Type: ${contentType}\r\nContent-Transfer-Encoding: base64`;
  return `--${boundary}\r\n${head}\r\n\r\n${base64Lines(der)}\r\n`;
}

/** In lines (RFC 2045 §6.8): there are clients that read no long ones, and `base64 -d` reads no carriage return. */
function base64Lines(der: Uint8Array): string {
  return toBase64(der).replace(/.{1,76}/g, '$&\n');
}

/** No challenge: HTTP credentials are no help here. */
export function askForCertificate(): RawAnswer {
  return refusal(401, 're-enrolment needs the certificate that is to be renewed, as TLS client certificate');
}

export function askForCredentials(): RawAnswer {
  return askForToken('send the join token as the password of HTTP Basic authentication');
}

export function askForToken(text: string): RawAnswer {
  const denied = refusal(401, text);
  return {
    ...denied,
    headers: { ...denied.headers, 'www-authenticate': 'Basic realm="fleetward enrolment", charset="UTF-8"' },
  };
}

export function refusal(status: number, text: string): RawAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: utf8(`${text}\n`) };
}
