export type { Authority, Trust } from './authorities.ts';
export type { CrlOutcome } from './crl-publisher.ts';
export { CertificatesError, type CertificatesErrorCode } from './errors.ts';
export type { AnnounceCertificate, CertificateEvent } from './events.ts';
export { type CertificateHandlersOptions, certificateHandlers } from './http.ts';
export { publicKeyHash, type SignedCertificate, type SignRequest } from './issuance.ts';
export type { RevocationOutcome, RevocationStep } from './revoker.ts';
export type { Standing } from './rules.ts';
export { Certificates, type CertificatesOptions } from './service.ts';
export type {
  AuthorityRecord,
  CertificateRecord,
  CertificateStore,
  CertificateSummary,
  RevocationReason,
} from './store.ts';
