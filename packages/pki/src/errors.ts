import { AppError } from '@fleetward/core';

/** Why foreign bytes could not be read, or why something was not issued. Codes are API: never reused. */
export type PkiErrorCode =
  | 'pki.too_large'
  | 'pki.der'
  | 'pki.pem'
  | 'pki.name'
  | 'pki.key'
  | 'pki.weak_keys'
  | 'pki.certificate'
  | 'pki.csr'
  | 'pki.crl'
  | 'pki.ocsp'
  | 'pki.cms'
  | 'pki.tpm'
  | 'pki.lint'
  | 'pki.issue';

/** The only error the parsers, the linters and the issuers of this package throw. */
export class PkiError extends AppError<PkiErrorCode> {}
