import { createSecretKey, type KeyObject } from 'node:crypto';
import { KeysError } from './errors.ts';
import { describeSource, type Environment, readSource, type SecretSource } from './secret-source.ts';
import { masterKeyBytes, previousMasterKeysMax } from './subkeys.ts';

/** Where the 32 bytes of a master key come from: raw, or as text in hex or base64. */
export type MasterKeySource = SecretSource;

/** Reads every master key, the current one first; refuses two that are the same. */
export function readMasterKeys(sources: readonly MasterKeySource[], environment: Environment): KeyObject[] {
  if (sources.length > previousMasterKeysMax + 1) {
    throw new KeysError(
      'keys.master_key',
      `at most ${previousMasterKeysMax} previous master keys are loaded`,
    );
  }
  const keys = sources.map((source) => readMasterKey(source, environment));
  keys.forEach((key, index) => {
    if (keys.findIndex((other) => other.equals(key)) !== index) {
      throw new KeysError('keys.master_key', 'the same master key is given twice');
    }
  });
  return keys;
}

/** Reads one master key; the bytes live on only in the key object. */
export function readMasterKey(source: MasterKeySource, environment: Environment): KeyObject {
  const content = readSource(source, { environment, what: 'master key', code: 'keys.master_key' });
  const bytes = decodeMasterKey(content, describeSource(source));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  content.fill(0);
  return key;
}

/** 32 raw bytes, or text: 64 hex digits, or 44 characters of base64. One line end after the text is allowed. */
function decodeMasterKey(content: Buffer, source: string): Buffer {
  const bytes = rawKey(content) ?? textKey(content.toString('latin1').replace(/\r?\n$/, ''));
  if (bytes === undefined) {
    throw new KeysError(
      'keys.master_key',
      `${source} does not hold a master key: expected 32 raw bytes, 64 hex digits or 44 characters of base64`,
    );
  }
  if (bytes.every((byte) => byte === bytes[0])) {
    throw new KeysError(
      'keys.master_key',
      `${source} holds 32 equal bytes, which is a placeholder and no key`,
    );
  }
  return bytes;
}

/** 32 bytes that read as text are more likely a short password or half a hex key than a key. */
function rawKey(content: Buffer): Buffer | undefined {
  const isText = content.every((byte) => byte >= 0x20 && byte < 0x7f);
  return content.length === masterKeyBytes && !isText ? Buffer.from(content) : undefined;
}

function textKey(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === masterKeyBytes && bytes.toString('base64') === text ? bytes : undefined;
}
