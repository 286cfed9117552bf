import { AppError } from '@fleetward/core';

export type ReleaseErrorCode =
  | 'releases.digest_mismatch'
  | 'releases.artifact_too_large'
  | 'releases.artifact_missing'
  | 'releases.artifact_listed'
  | 'releases.too_many_uploads'
  | 'releases.upload_busy'
  | 'releases.upload_offset'
  | 'releases.metadata_refused'
  | 'releases.record_refused'
  | 'releases.superseded'
  | 'releases.not_offered'
  | 'releases.too_many_downloads'
  | 'releases.not_found'
  | 'releases.storage_full';

export class ReleaseError extends AppError<ReleaseErrorCode> {}
