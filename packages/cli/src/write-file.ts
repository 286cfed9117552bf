import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { createDurably, replaceDurably } from '@fleetward/core/durable-file';
import { CliError } from './errors.ts';

/** Writes a new private file (mode 0600), durably; never over one that is there. Throws `cli.unwritable`. */
export function writeNewFile(path: string, content: Uint8Array | string): void {
  try {
    createDurably(absolute(path), content);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Writes a private file (mode 0600), durably, also over one that is there. Throws `cli.unwritable`. */
export function writeFileOver(path: string, content: Uint8Array | string): void {
  try {
    replaceDurably(absolute(path), content);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Before long work or a question whose answer would be for nothing. Throws `cli.unwritable` when the file is there. */
export function assertNewFile(path: string): void {
  if (existsSync(path)) throw unwritable(path, Object.assign(new Error('it exists'), { code: 'EEXIST' }));
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(path);
}

export function unwritable(path: string, cause: unknown): CliError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'EEXIST') {
    const hint = 'choose another name, or move it away first: nothing is overwritten';
    return new CliError('cli.unwritable', `\`${path}\` exists already`, { cause, hint });
  }
  return new CliError('cli.unwritable', `cannot write \`${path}\`: ${message}`, { cause });
}
