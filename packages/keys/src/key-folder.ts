import { closeSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  createDurably,
  createFolderDurably,
  replaceDurably,
  unfinishedSuffix,
} from '@fleetward/core/durable-file';
import { generatePrivateKey, signBytes } from './algorithms.ts';
import type { Envelope } from './envelope.ts';
import { KeysError } from './errors.ts';
import type { Token } from './hsm/token.ts';
import { assertInToken, generateInToken, signInToken } from './hsm/token-keys.ts';
import {
  formatKeyFile,
  type KeyDescription,
  type KeyFile,
  keyFileBytesMax,
  openKeyFile,
  parseKeyFile,
  rewrapKeyFile,
  sealKeyFile,
  sealTokenKeyFile,
  tokenKeyIdOf,
} from './key-file.ts';
import { type KeyName, parseKeyName, type SigningPurpose } from './names.ts';

/** What to generate; the purpose decides which lint guards the key from then on. */
export interface KeySpec extends Omit<KeyDescription, 'publicKey'> {
  /** Default `file`. In a token the private key is made, and stays. */
  readonly store?: KeyStore;
}

export type KeyStore = 'file' | 'hsm';

export interface LoadedKey {
  readonly file: KeyFile;
  readonly store: KeyStore;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** The keys of one folder, opened. Lives in the signing process only. */
export interface KeyFolder {
  find(name: KeyName): LoadedKey | undefined;
  /** Makes a key and returns once its file is durable; throws `keys.key_exists` when the name is taken. */
  generate(spec: KeySpec): LoadedKey;
  /** Seals every key file under the current master key; returns how many were not. */
  rewrap(): number;
}

const extension = '.json';
const keysMax = 1000;

interface KeyFolderOptions {
  readonly envelope: Envelope;
  readonly purposes?: readonly SigningPurpose[];
  /** Asked for when the first key is in it. */
  readonly token: () => Token;
}

/** Opens every key file, so that a wrong master key or an edited file is found at start and not at the next signature. */
export function openKeyFolder(path: string, options: KeyFolderOptions): KeyFolder {
  const { purposes } = options;
  const keys = new Map<string, LoadedKey>();
  for (const name of listKeyNames(path)) {
    const key = loadKey(path, { name, ...options });
    // A key for another purpose is forgotten again: as far as this process goes it does not exist.
    if (purposes === undefined || purposes.includes(key.file.purpose)) keys.set(name, key);
  }
  return {
    find: (name) => keys.get(name),
    generate: (spec) => {
      if (keys.size >= keysMax)
        throw new KeysError('keys.storage', `a key folder holds at most ${keysMax} keys`);
      if (keys.has(spec.name)) throw keyExists(spec.name);
      const key = spec.store === 'hsm' ? makeInToken(spec, options) : makeInFile(spec, options);
      writeNew(path, key.file);
      keys.set(spec.name, key);
      return key;
    },
    rewrap: () => rewrapAll(path, { keys, envelope: options.envelope }),
  };
}

function listKeyNames(path: string): readonly KeyName[] {
  try {
    createFolderDurably(path);
    const entries = readdirSync(path);
    for (const entry of entries)
      if (entry.endsWith(unfinishedSuffix)) rmSync(join(path, entry), { force: true });
    const names = entries
      .filter((entry) => entry.endsWith(extension))
      .map((entry) => entry.slice(0, -extension.length));
    if (names.length > keysMax)
      throw new KeysError('keys.storage', `\`${path}\` holds more than ${keysMax} keys`);
    return names.map(parseKeyName);
  } catch (cause) {
    if (cause instanceof KeysError) throw cause;
    throw new KeysError('keys.storage', `the key folder \`${path}\` cannot be read`, { cause });
  }
}

function makeInFile({ store: _, ...spec }: KeySpec, { envelope }: KeyFolderOptions): LoadedKey {
  const privateKey = generatePrivateKey(spec.algorithm);
  const { algorithm } = spec;
  const file = sealKeyFile(privateKey, { spec, envelope });
  return { file, store: 'file', sign: (message) => signBytes(message, { privateKey, algorithm }) };
}

function makeInToken(
  { store: _, ...spec }: KeySpec,
  { envelope, token: findToken }: KeyFolderOptions,
): LoadedKey {
  const token = findToken();
  const { keyId, publicKey } = generateInToken(token, spec);
  const file = sealTokenKeyFile({ ...spec, publicKey }, { keyId, envelope });
  return { file, store: 'hsm', sign: (message) => signInToken(token, { ...spec, keyId }, message) };
}

function openKey(file: KeyFile, { envelope, purposes, token: findToken }: KeyFolderOptions): LoadedKey {
  const { name, algorithm, purpose } = file;
  const keyId = tokenKeyIdOf(file, envelope);
  if (keyId === undefined) {
    const privateKey = openKeyFile(file, envelope);
    return { file, store: 'file', sign: (message) => signBytes(message, { privateKey, algorithm }) };
  }
  const token = findToken();
  if (purposes?.includes(purpose) !== false) assertInToken(token, { name, keyId });
  return { file, store: 'hsm', sign: (message) => signInToken(token, { name, keyId, algorithm }, message) };
}

function loadKey(path: string, options: KeyFolderOptions & { readonly name: KeyName }): LoadedKey {
  const { name } = options;
  try {
    const file = parseKeyFile(readBounded(filePath(path, name)));
    if (file.name !== name) throw new KeysError('keys.key_file', `it says that its name is \`${file.name}\``);
    return openKey(file, options);
  } catch (cause) {
    if (!(cause instanceof KeysError)) {
      throw new KeysError('keys.storage', `the key file \`${name}\` cannot be read`, { cause });
    }
    throw new KeysError(cause.code, `key file \`${name}\`: ${cause.message}`, {
      cause,
      details: cause.details,
    });
  }
}

/** Reads one byte more than allowed, so that the parser sees that it is too long. */
function readBounded(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const content = Buffer.alloc(keyFileBytesMax + 1);
    return content.subarray(0, readSync(file, content, 0, content.length, 0));
  } finally {
    closeSync(file);
  }
}

function writeNew(path: string, file: KeyFile): void {
  try {
    createDurably(filePath(path, file.name), formatKeyFile(file));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw keyExists(file.name);
    throw notWritten(file.name, cause);
  }
}

function rewrapAll(
  path: string,
  options: { readonly keys: Map<string, LoadedKey>; readonly envelope: Envelope },
): number {
  let rewrapped = 0;
  for (const [name, key] of options.keys) {
    const { file } = key;
    const renewed = rewrapKeyFile(file, options.envelope);
    if (renewed.sealedPrivateKey === file.sealedPrivateKey) continue;
    replaceFile(path, renewed);
    options.keys.set(name, { ...key, file: renewed });
    rewrapped++;
  }
  return rewrapped;
}

function replaceFile(path: string, file: KeyFile): void {
  try {
    replaceDurably(filePath(path, file.name), formatKeyFile(file));
  } catch (cause) {
    throw notWritten(file.name, cause);
  }
}

function notWritten(name: KeyName, cause: unknown): KeysError {
  return new KeysError('keys.storage', `the key file \`${name}\` cannot be written`, { cause });
}

function filePath(folder: string, name: KeyName): string {
  return join(folder, `${name}${extension}`);
}

function keyExists(name: KeyName): KeysError {
  return new KeysError(
    'keys.key_exists',
    `a key named \`${name}\` exists already: keys are never overwritten`,
  );
}
