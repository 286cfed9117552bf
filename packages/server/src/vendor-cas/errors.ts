import { AppError } from '@fleetward/core';

export type VendorCasErrorCode =
  | 'vendor_cas.ca_refused'
  | 'vendor_cas.verification_refused'
  | 'vendor_cas.code_refused'
  | 'vendor_cas.exists'
  | 'vendor_cas.not_found'
  | 'vendor_cas.state'
  | 'vendor_cas.limit';

/** What an operator asked of vendor CAs cannot be done; nothing was changed. */
export class VendorCasError extends AppError<VendorCasErrorCode> {}
