import { parseCertificatesPem } from '@fleetward/pki';

/** How long an issued certificate is valid; `endsWithIssuer`: it would be longer, were it not for the end of the CA that issued it. */
export interface IssuedLife {
  readonly notAfterMs: number;
  readonly endsWithIssuer?: true;
}

/** `chain`: PEM, the certificate first, its issuer behind it. */
export function lifeOf(chain: string): IssuedLife {
  const [leaf, issuer] = parseCertificatesPem(chain);
  if (leaf === undefined) throw new TypeError('a chain without a certificate');
  const { notAfterMs } = leaf;
  return notAfterMs === issuer?.notAfterMs ? { notAfterMs, endsWithIssuer: true } : { notAfterMs };
}
