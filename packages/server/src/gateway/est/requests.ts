import { fromBase64, InvalidInputError } from '@fleetward/core';
import type { NoCsr } from '../../enrollment/index.ts';

/** RFC 8951 §3.1 has it in base64 alone: whoever reads more would differ from what stands before it. */
const wanted =
  'send the base64 of the PKCS#10 request in DER, type application/pkcs10 (RFC 7030 section 4.2.1)';

/** The DER of a base64 body; white space and any transfer encoding header are to be ignored (RFC 8951 §3.1). */
export function readCsr(body: Uint8Array): Uint8Array | NoCsr {
  const text = Buffer.from(body).toString('latin1');
  if (/^\s*-----BEGIN /.test(text))
    return { flaw: `the body is PEM: leave out the BEGIN and END lines; ${wanted}` };
  try {
    return fromBase64(text.replace(/[ \t\r\n]/g, ''));
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    // A SEQUENCE of that length: what `openssl req -outform DER` writes.
    const what = body[0] === 0x30 && body[1] === 0x82 ? 'DER itself, not its base64' : 'not base64';
    return { flaw: `the body is ${what}; ${wanted}` };
  }
}

/** What follows the first colon of HTTP Basic credentials (RFC 7617 §2); nothing where that is empty: no token was shown. */
export function basicPassword(header: string | undefined): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const userAndPassword = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon < 0 ? undefined : userAndPassword.slice(colon + 1) || undefined;
}
