import { AppError } from '@fleetward/core';

export type CertificatesErrorCode =
  | 'certificates.not_found'
  | 'certificates.no_issuing_ca'
  | 'certificates.ca_not_found'
  | 'certificates.ca_state'
  | 'certificates.state'
  | 'certificates.attached'
  | 'certificates.ca_refused'
  | 'certificates.ca_keys'
  | 'certificates.exists'
  | 'certificates.journal_unreadable'
  | 'certificates.journal_failed';

/** The registry or the authority cannot do what was asked. */
export class CertificatesError extends AppError<CertificatesErrorCode> {}
