export type { VendorCasErrorCode } from './errors.ts';
export type { CertificateRegistered, NewVendorCertificate } from './first-connections.ts';
export { vendorCaHandlers } from './http.ts';
export type { VendorCa } from './registry.ts';
export { type VendorCaEvent, VendorCas } from './service.ts';
