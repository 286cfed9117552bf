import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { KeysError } from './errors.ts';

/** What a master key is used for; each use has a key of its own, and none leads back to the master key or to another. */
export type SubkeyPurpose = 'signing' | 'records';

/** A key for sealing, with the id of the master key it came from. */
export interface Subkey {
  /** 16 hex digits, the same for all subkeys of one master key. Public. */
  readonly masterKeyId: string;
  readonly key: KeyObject;
}

/** The current key seals; the previous ones only open, while a rotation is under way. */
export interface Keyring {
  readonly current: Subkey;
  readonly previous: readonly Subkey[];
}

export const masterKeyBytes = 32;
/** A rotation needs one; more than this is a mistake. */
export const previousMasterKeysMax = 8;

/** Derives by HKDF-SHA-256 (RFC 5869), the purpose in `info`; the id is derived the same way, so it gives nothing away. */
function deriveSubkey(masterKey: KeyObject, purpose: SubkeyPurpose): Subkey {
  const id = expand(masterKey, { info: 'master-key-id', length: 8 });
  const key = expand(masterKey, { info: `subkey/${purpose}`, length: masterKeyBytes });
  return importSubkey(id.toString('hex'), key);
}

/** Takes the bytes of a subkey into a key object and wipes them. */
export function importSubkey(masterKeyId: string, bytes: Uint8Array): Subkey {
  if (bytes.length !== masterKeyBytes || !/^[0-9a-f]{16}$/.test(masterKeyId)) {
    throw new KeysError('keys.protocol', 'a subkey is 32 bytes with an id of 16 hex digits');
  }
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { masterKeyId, key };
}

/** One subkey purpose for all loaded master keys, the current one first. */
export function deriveKeyring(masterKeys: readonly KeyObject[], purpose: SubkeyPurpose): Keyring {
  const [current, ...previous] = masterKeys.map((masterKey) => deriveSubkey(masterKey, purpose));
  if (current === undefined) throw new KeysError('keys.master_key', 'no master key is loaded');
  return { current, previous };
}

function expand(key: KeyObject, options: { readonly info: string; readonly length: number }): Buffer {
  return Buffer.from(
    hkdfSync('sha256', key, 'fleetward', `fleetward/keys/1/${options.info}`, options.length),
  );
}
