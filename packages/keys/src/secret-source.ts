import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { KeysError, type KeysErrorCode } from './errors.ts';

/** Where a secret comes from: a master key, or the PIN of a token. Never the command line. */
export type SecretSource =
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

/** What is read, for messages, and the code that they carry. */
interface Wanted {
  readonly environment: Environment;
  readonly what: string;
  readonly code: KeysErrorCode;
}

/** The environment variables that reading this source needs. */
export function variablesOf(source: SecretSource): readonly string[] {
  if (source.kind === 'environment') return [source.variable];
  return source.kind === 'systemd-credential' ? [credentialsVariable] : [];
}

/** The bytes as they are there; at most 256 and one, so that what is longer is seen to be. */
export function readSource(source: SecretSource, wanted: Wanted): Buffer {
  switch (source.kind) {
    case 'file':
      return readSmallFile(source.path, { ...wanted, ownerOnly: true });
    case 'environment':
      return takeVariable(source.variable, wanted);
    case 'systemd-credential':
      // systemd guards this folder itself, and may widen the mode's group bits by an access control list.
      return readSmallFile(credentialPath(source.name, wanted), { ...wanted, ownerOnly: false });
  }
}

function takeVariable(variable: string, { environment, what, code }: Wanted): Buffer {
  const value = environment[variable];
  delete environment[variable];
  if (value === undefined || value === '') {
    throw new KeysError(code, `the environment variable \`${variable}\` of the ${what} is not set`);
  }
  return Buffer.from(value, 'utf8');
}

function credentialPath(name: string, { environment, code }: Wanted): string {
  const folder = environment[credentialsVariable];
  if (folder === undefined || folder === '') {
    throw new KeysError(
      code,
      `\`$${credentialsVariable}\` is not set: the credential \`${name}\` needs LoadCredential= in the systemd unit`,
    );
  }
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name) || name === '.' || name === '..') {
    throw new KeysError(code, `\`${name}\` is not the name of a systemd credential`);
  }
  return join(folder, name);
}

function readSmallFile(path: string, rule: Wanted & { readonly ownerOnly: boolean }): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    assertPrivate(file, path, rule);
    const content = Buffer.alloc(sourceBytesMax + 1);
    return content.subarray(0, readSync(file, content, 0, content.length, 0));
  } catch (cause) {
    if (cause instanceof KeysError) throw cause;
    throw new KeysError(rule.code, `the ${rule.what} file \`${path}\` cannot be read`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function assertPrivate(
  file: number,
  path: string,
  { ownerOnly, what, code }: Wanted & { readonly ownerOnly: boolean },
): void {
  const status = fstatSync(file);
  if (!status.isFile()) throw new KeysError(code, `the ${what} \`${path}\` is not a regular file`);
  if (!ownerOnly || process.platform === 'win32') return;
  if ((status.mode & 0o077) !== 0) {
    throw new KeysError(code, `the ${what} file \`${path}\` can be read by others: run \`chmod 600\` on it`, {
      details: { mode: (status.mode & 0o777).toString(8) },
    });
  }
}

export function describeSource(source: SecretSource): string {
  switch (source.kind) {
    case 'file':
      return `the file \`${source.path}\``;
    case 'environment':
      return `the environment variable \`${source.variable}\``;
    case 'systemd-credential':
      return `the systemd credential \`${source.name}\``;
  }
}
