import { AppError } from '@fleetward/core';

/** Every way in which this package fails. What a release or an enrolment came to is a value instead. */
export type DeviceErrorCode =
  | 'device.config_invalid'
  | 'device.identity_invalid'
  | 'device.key_unsupported'
  | 'device.not_enrolled'
  | 'device.slots_damaged'
  | 'device.slots_misused'
  | 'device.root_refused'
  | 'device.trust_invalid'
  | 'device.firmware_refused'
  | 'device.step_invalid'
  | 'device.not_protected'
  | 'device.too_slow'
  | 'device.unreachable'
  | 'device.not_connected'
  | 'device.closed'
  | 'device.refused'
  | 'device.folder_in_use'
  | 'device.queue_full'
  | 'device.queue_failed'
  | 'device.message_too_large'
  | 'device.rejected'
  | 'device.timeout'
  | 'device.note_damaged'
  | 'device.note_failed'
  | 'device.answer_invalid';

/** A failure of this package, see `DeviceErrorCode`. */
export class DeviceError extends AppError<DeviceErrorCode> {}
