import { AppError } from '@fleetward/core';

export type EndorsementsErrorCode =
  | 'endorsements.refused'
  | 'endorsements.exists'
  | 'endorsements.not_found'
  | 'endorsements.limit';

/** What an operator asked of endorsements cannot be done; nothing was changed. */
export class EndorsementsError extends AppError<EndorsementsErrorCode> {}
