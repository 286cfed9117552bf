import { AppError } from '@fleetward/core';

export type JobsErrorCode =
  | 'jobs.not_found'
  | 'jobs.execution_not_found'
  | 'jobs.exists'
  | 'jobs.invalid'
  | 'jobs.empty'
  | 'jobs.limit'
  | 'jobs.state';

/** A job cannot be made or changed like this; nothing was changed. */
export class JobsError extends AppError<JobsErrorCode> {}
