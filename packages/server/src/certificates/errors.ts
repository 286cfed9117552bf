import { AppError, type CertificateId } from '@fleetward/core';
import { StoreError } from '../store-error.ts';

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
  | 'certificates.crl_failed'
  | 'certificates.journal_unreadable'
  | 'certificates.journal_failed'
  | 'certificates.revocation_unrecorded';

/** The registry or the authority cannot do what was asked. */
export class CertificatesError extends AppError<CertificatesErrorCode> {}

export function certificateNotFound(certificateId: CertificateId): CertificatesError {
  return new CertificatesError('certificates.not_found', `there is no certificate \`${certificateId}\``);
}

/** The journal has it and it is in force; `cause` is why the records do not have it. */
export function revocationUnrecorded(certificateId: CertificateId, cause: unknown): CertificatesError {
  const why = cause instanceof StoreError ? ` (${cause.message})` : '';
  const message = `the certificate \`${certificateId}\` is revoked: that is journalled and in force, but the records do not have it yet${why}; repeat the command when the database is back`;
  return new CertificatesError('certificates.revocation_unrecorded', message, { cause });
}

/** Of two calls that met, the one that came second. */
export function changedMeanwhile(certificateId: CertificateId): CertificatesError {
  const message = `the certificate \`${certificateId}\` was changed in this very moment; look at it and try again`;
  return new CertificatesError('certificates.state', message);
}
