import { AppError } from '@fleetward/core';

/** Every way in which keys fail. Codes are API: never reused. */
export const keysErrorCodes = [
  // A name or a purpose that cannot be one.
  'keys.name',
  // The master key is missing, readable by others, or not 32 bytes.
  'keys.master_key',
  // Sealed under a master key that is not loaded.
  'keys.unknown_master_key',
  // A sealed text that was altered, belongs to another context, or is none.
  'keys.sealed',
  // A key file that is damaged.
  'keys.key_file',
  'keys.key_exists',
  'keys.key_missing',
  // A private key that does not fit the algorithm.
  'keys.algorithm',
  // The lint of the key's purpose did not accept the message.
  'keys.refused',
  // The signing process ended before it answered.
  'keys.signer_gone',
  'keys.timeout',
  // More requests, or more bytes, in flight than the limit.
  'keys.busy',
  'keys.too_large',
  // The other side of the channel does not speak the protocol.
  'keys.protocol',
  // The token, or what is needed to speak with it, does not do its part.
  'keys.hsm',
  // The key folder cannot be read or written.
  'keys.storage',
] as const;

export type KeysErrorCode = (typeof keysErrorCodes)[number];

/** A failure of keys, sealing or signing. Its message never holds key material or the bytes to be signed. */
export class KeysError extends AppError<KeysErrorCode> {}
