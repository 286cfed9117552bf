import { AppError } from '@fleetward/core';

export type RenewalsErrorCode =
  | 'renewals.not_found'
  | 'renewals.invalid'
  | 'renewals.empty'
  | 'renewals.limit'
  | 'renewals.state';

/** A renewal campaign cannot be made or changed like this; nothing was changed. */
export class RenewalsError extends AppError<RenewalsErrorCode> {}
