export type { Trust } from './authorities.ts';
export { CertificatesError, type CertificatesErrorCode } from './errors.ts';
export { type CertificateEvent, type EventEffect, noEffect } from './events.ts';
export { certificateHandlers } from './http.ts';
export { publicKeyHash, type SignedCertificate } from './issuance.ts';
export { speaksForThings } from './rules.ts';
export { Certificates } from './service.ts';
export type { StateChange, StateOutcome } from './state-changer.ts';
export { type CertificateProfile, type CertificateRecord, isOnHold, judgesDevice } from './store.ts';
