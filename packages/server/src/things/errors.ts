import { AppError, type ThingName } from '@fleetward/core';

export type ThingsErrorCode =
  | 'things.not_found'
  | 'things.exists'
  | 'things.attached'
  | 'things.invalid'
  | 'things.certificate_unknown'
  | 'things.not_attached'
  | 'things.attachment_refused'
  | 'things.state_refused'
  | 'things.too_many_reports'
  | 'things.type_not_found'
  | 'things.type_exists'
  | 'things.type_limit'
  | 'things.type_unmet';

/** What an operator asked of a thing cannot be done; nothing was changed. */
export class ThingsError extends AppError<ThingsErrorCode> {}

export function thingNotFound(name: ThingName): ThingsError {
  return new ThingsError('things.not_found', `there is no thing \`${name}\``);
}
