import { type Random, toHex } from '@fleetward/core';
import { createDurably } from '@fleetward/core/durable-file';
import { KeysError } from './errors.ts';
import { masterKeyBytes } from './subkeys.ts';

/** Makes a new master key file: 64 hex digits, mode 0600. Never touches a file that is there. */
export function createMasterKeyFile(path: string, random: Random): void {
  const key = random.bytes(masterKeyBytes);
  try {
    createDurably(path, `${toHex(key)}\n`);
  } catch (cause) {
    throw new KeysError('keys.master_key', `the master key file \`${path}\` cannot be created`, { cause });
  } finally {
    key.fill(0);
  }
}
