import { fromBase64, InvalidInputError } from '@fleetward/core';

/** The DER of a base64 body; white space and any transfer encoding header are to be ignored (RFC 8951 §3.1). */
export function readCsr(body: Uint8Array): Uint8Array | undefined {
  try {
    return fromBase64(
      Buffer.from(body)
        .toString('latin1')
        .replace(/[ \t\r\n]/g, ''),
    );
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return undefined; // told to the device as a bad request
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
