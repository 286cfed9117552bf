import { AppError } from '@fleetward/core';

export type ReleaseErrorCode =
  | 'releases.digest_mismatch'
  | 'releases.artifact_too_large'
  | 'releases.artifact_missing'
  | 'releases.too_many_uploads'
  | 'releases.metadata_refused'
  | 'releases.superseded'
  | 'releases.not_found'
  | 'releases.storage_full';

export class ReleaseError extends AppError<ReleaseErrorCode> {}
