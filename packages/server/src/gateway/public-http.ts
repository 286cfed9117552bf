import { fromBase64, parseCertificateId } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import { matchesEtag, type RawAnswer, type RawRoute } from '../http/index.ts';

/** How long a cache may answer with a CRL: revocation is why it is fetched, so not for its whole validity. */
const cacheSeconds = 300;

/** Signed, public objects for the plain HTTP listener: `/crl/<certificate id of the CA>.crl`, DER (RFC 5280 §5). */
export function crlRoutes(certificates: Certificates): readonly RawRoute[] {
  return [
    {
      method: 'GET',
      path: '/crl/:file',
      mediaTypes: [],
      handle: async ({ params, headers: asked }) => {
        const id = /^([0-9a-f]{64})\.crl$/.exec(params.file ?? '')?.[1];
        const crl = id === undefined ? undefined : certificates.crl(parseCertificateId(id));
        if (crl === undefined)
          return { status: 404, headers: { 'content-type': 'text/plain' }, body: Buffer.from('not found\n') };
        const etag = `"${crl.number}"`;
        const headers = {
          'cache-control': `public, max-age=${cacheSeconds}`,
          etag,
          'last-modified': new Date(crl.thisUpdateMs).toUTCString(),
        };
        if (matchesEtag(asked['if-none-match'], etag))
          return { status: 304, headers, body: new Uint8Array() };
        return {
          status: 200,
          headers: { ...headers, 'content-type': 'application/pkix-crl' },
          body: crl.der,
        };
      },
    },
  ];
}

/** A request has some 100 bytes, one with a nonce and several certificates under 1,000. */
const requestBytesMax = 4_096;

/** OCSP over HTTP (RFC 6960 appendix A): POST to `/ocsp`, or GET with the request in base64 behind it. */
export function ocspRoutes(certificates: Certificates): readonly RawRoute[] {
  const answer = async (request: Uint8Array): Promise<RawAnswer> => {
    const { der, cacheSeconds } = await certificates.ocsp(request);
    const cache =
      cacheSeconds > 0 ? `public, no-transform, must-revalidate, max-age=${cacheSeconds}` : 'no-store';
    const headers = { 'content-type': 'application/ocsp-response', 'cache-control': cache };
    return { status: 200, headers, body: der };
  };
  return [
    {
      method: 'POST',
      path: '/ocsp',
      mediaTypes: ['application/ocsp-request'],
      bodyBytesMax: requestBytesMax,
      handle: ({ body }) => answer(body),
    },
    {
      method: 'GET',
      path: '/ocsp/*',
      mediaTypes: [],
      handle: ({ params }) => answer(decoded(params['*'] ?? '')),
    },
  ];
}

/** What is no base64 is no request either. */
function decoded(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    return new Uint8Array();
  }
}
