import { AppError } from '@fleetward/core';

export type ShadowsErrorCode =
  | 'shadows.invalid'
  | 'shadows.not_found'
  | 'shadows.version_conflict'
  | 'shadows.too_large'
  | 'shadows.busy';

/** What an operator asked of a shadow is not done; nothing was changed. */
export class ShadowsError extends AppError<ShadowsErrorCode> {}
