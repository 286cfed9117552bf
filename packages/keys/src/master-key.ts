import { createSecretKey, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { KeysError } from './errors.ts';
import { masterKeyBytes, previousMasterKeysMax } from './subkeys.ts';

/** Where the 32 bytes of a master key come from: raw, or as text in hex or base64. */
export type MasterKeySource =
  /** A regular file that only its owner can read. */
  | { readonly kind: 'file'; readonly path: string }
  /** An environment variable, removed from the environment once read. */
  | { readonly kind: 'environment'; readonly variable: string }
  /** A file of systemd's `$CREDENTIALS_DIRECTORY` (`LoadCredential=`, `LoadCredentialEncrypted=`). */
  | { readonly kind: 'systemd-credential'; readonly name: string };

/** The variables a source may read; a read variable is deleted from it. */
export type Environment = Record<string, string | undefined>;

const sourceBytesMax = 256;
const credentialsVariable = 'CREDENTIALS_DIRECTORY';

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
  const content = readSource(source, environment);
  const bytes = decodeMasterKey(content, describeSource(source));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  content.fill(0);
  return key;
}

/** The environment variables that reading this source needs. */
export function variablesOf(source: MasterKeySource): readonly string[] {
  if (source.kind === 'environment') return [source.variable];
  return source.kind === 'systemd-credential' ? [credentialsVariable] : [];
}

function readSource(source: MasterKeySource, environment: Environment): Buffer {
  switch (source.kind) {
    case 'file':
      return readSmallFile(source.path, { ownerOnly: true });
    case 'environment':
      return takeVariable(source.variable, environment);
    case 'systemd-credential':
      // systemd guards this folder itself, and may widen the mode's group bits by an access control list.
      return readSmallFile(credentialPath(source.name, environment), { ownerOnly: false });
  }
}

function takeVariable(variable: string, environment: Environment): Buffer {
  const value = environment[variable];
  delete environment[variable];
  if (value === undefined || value === '') {
    throw new KeysError(
      'keys.master_key',
      `the environment variable \`${variable}\` of the master key is not set`,
    );
  }
  return Buffer.from(value, 'utf8');
}

function credentialPath(name: string, environment: Environment): string {
  const folder = environment[credentialsVariable];
  if (folder === undefined || folder === '') {
    throw new KeysError(
      'keys.master_key',
      `\`$${credentialsVariable}\` is not set: the credential \`${name}\` needs LoadCredential= in the systemd unit`,
    );
  }
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name) || name === '.' || name === '..') {
    throw new KeysError('keys.master_key', `\`${name}\` is not the name of a systemd credential`);
  }
  return join(folder, name);
}

function readSmallFile(path: string, rule: { readonly ownerOnly: boolean }): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    assertPrivate(file, path, rule);
    const content = Buffer.alloc(sourceBytesMax + 1);
    return content.subarray(0, readSync(file, content, 0, content.length, 0));
  } catch (cause) {
    if (cause instanceof KeysError) throw cause;
    throw new KeysError('keys.master_key', `the master key file \`${path}\` cannot be read`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function assertPrivate(file: number, path: string, rule: { readonly ownerOnly: boolean }): void {
  const status = fstatSync(file);
  if (!status.isFile())
    throw new KeysError('keys.master_key', `the master key \`${path}\` is not a regular file`);
  if (!rule.ownerOnly || process.platform === 'win32') return;
  if ((status.mode & 0o077) !== 0) {
    throw new KeysError(
      'keys.master_key',
      `the master key file \`${path}\` can be read by others: run \`chmod 600\` on it`,
      { details: { mode: (status.mode & 0o777).toString(8) } },
    );
  }
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

function describeSource(source: MasterKeySource): string {
  switch (source.kind) {
    case 'file':
      return `the file \`${source.path}\``;
    case 'environment':
      return `the environment variable \`${source.variable}\``;
    case 'systemd-credential':
      return `the systemd credential \`${source.name}\``;
  }
}
