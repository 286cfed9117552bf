import { AppError } from '@fleetward/core';

export type IssuanceLogErrorCode =
  | 'issuance_log.signer_unfit'
  | 'issuance_log.not_logged'
  | 'issuance_log.size'
  | 'issuance_log.damaged';

/** The issuance log cannot do what was asked. */
export class IssuanceLogError extends AppError<IssuanceLogErrorCode> {}
