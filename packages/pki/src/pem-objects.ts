import { type Certificate, parseCertificate } from './certificate/certificate.ts';
import { type Crl, parseCrl } from './crl/crl.ts';
import { type Csr, parseCsr } from './csr.ts';
import { PkiError } from './errors.ts';
import { limits } from './limits.ts';
import { parsePem } from './pem.ts';

/** Base64 with line ends is at most half again as long as its bytes; the rest is room for text around a block. */
function textBytesMax(derBytesMax: number): number {
  return derBytesMax * 2 + 16 * 1024;
}

/** Every certificate of a PEM text, at least one and at most what a list of trusted CAs may need, in its order. */
export function parseCertificatesPem(text: Uint8Array | string): readonly Certificate[] {
  return parsePem(text, { labels: ['CERTIFICATE'], bytesMax: limits.certificatesPemBytesMax }).map(
    ({ der }) => parseCertificate(der),
  );
}

/** Every certificate of a PEM text, also those that are none by RFC 5280: with the reason why. At least one. */
export function readCertificatesPem(
  text: Uint8Array | string,
): readonly (
  | { readonly kind: 'read'; readonly certificate: Certificate }
  | { readonly kind: 'malformed'; readonly reason: string }
)[] {
  const blocks = parsePem(text, { labels: ['CERTIFICATE'], bytesMax: limits.certificatesPemBytesMax });
  return blocks.map(({ der }) => {
    try {
      return { kind: 'read', certificate: parseCertificate(der) };
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      return { kind: 'malformed', reason: error.message };
    }
  });
}

/** The one CSR of a PEM text. */
export function parseCsrPem(text: Uint8Array | string): Csr {
  const [block] = parsePem(text, {
    labels: ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'],
    blocksMax: 1,
    bytesMax: textBytesMax(limits.csrBytesMax),
  });
  return parseCsr(block?.der ?? new Uint8Array(0));
}

/** Every CRL of a PEM text, at least one. */
export function parseCrlsPem(text: Uint8Array | string): readonly Crl[] {
  return parsePem(text, { labels: ['X509 CRL'] }).map(({ der }) => parseCrl(der));
}
