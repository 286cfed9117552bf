import { AppError } from '@fleetward/core';

export type EnrollmentErrorCode = 'enrollment.token_not_found' | 'enrollment.token_invalid';

/** What an operator asked of a join token cannot be done; nothing was changed. */
export class EnrollmentError extends AppError<EnrollmentErrorCode> {}
