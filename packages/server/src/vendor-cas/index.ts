export type { VendorCasErrorCode } from './errors.ts';
export { vendorCaHandlers } from './http.ts';
export { type VendorCaEvent, VendorCas } from './service.ts';
