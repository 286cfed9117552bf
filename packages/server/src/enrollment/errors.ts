import { AppError } from '@fleetward/core';

export type EnrollmentErrorCode =
  | 'enrollment.token_not_found'
  | 'enrollment.token_invalid'
  | 'enrollment.attempt_not_found';

/** What an operator asked cannot be done; nothing was changed. */
export class EnrollmentError extends AppError<EnrollmentErrorCode> {}
