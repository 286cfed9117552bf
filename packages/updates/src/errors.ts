import { AppError } from '@fleetward/core';

/** Every way in which this package fails. What a check of foreign bytes decided is a value instead, see `Refusal`. */
export type UpdatesErrorCode =
  | 'updates.chunks_invalid'
  | 'updates.key_invalid'
  | 'updates.key_locked'
  | 'updates.metadata_invalid'
  | 'updates.not_refreshed'
  | 'updates.not_signed'
  | 'updates.patch_invalid'
  | 'updates.record_invalid'
  | 'updates.repository_invalid'
  | 'updates.target_invalid'
  | 'updates.too_large';

/** A failure of this package, see `UpdatesErrorCode`. */
export class UpdatesError extends AppError<UpdatesErrorCode> {}

export function isUpdatesError(value: unknown): value is UpdatesError {
  return value instanceof UpdatesError;
}
