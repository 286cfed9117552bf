import { parseCertificateId } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import type { RawRoute } from '../http/index.ts';

/** How long a cache may answer with a CRL: revocation is why it is fetched, so not for its whole validity. */
const cacheSeconds = 300;

/** Signed, public objects for the plain HTTP listener: `/crl/<certificate id of the CA>.crl`, DER (RFC 5280 §5). */
export function crlRoutes(certificates: Certificates): readonly RawRoute[] {
  return [
    {
      method: 'GET',
      path: '/crl/:file',
      mediaTypes: [],
      handle: async ({ params }) => {
        const id = /^([0-9a-f]{64})\.crl$/.exec(params.file ?? '')?.[1];
        const der = id === undefined ? undefined : certificates.crl(parseCertificateId(id));
        if (der === undefined)
          return { status: 404, headers: { 'content-type': 'text/plain' }, body: Buffer.from('not found\n') };
        const headers = {
          'content-type': 'application/pkix-crl',
          'cache-control': `public, max-age=${cacheSeconds}`,
        };
        return { status: 200, headers, body: der };
      },
    },
  ];
}
