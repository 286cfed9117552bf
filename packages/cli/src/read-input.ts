import { createReadStream } from 'node:fs';
import { concatBytes } from '@fleetward/core';
import { CliError } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** A file's bytes as they come, from a place on; `-` is standard input. Throws `cli.unreadable`. */
export async function* streamInput(
  path: string,
  terminal: Terminal,
  start = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = path === '-' ? terminal.stdin : createReadStream(path, { start });
  try {
    for await (const chunk of source) yield chunk as Uint8Array;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A whole small file; `-` is standard input. Throws `cli.unreadable`, also when it has more than `bytesMax` bytes. */
export async function readInput(
  path: string,
  { terminal, bytesMax }: { readonly terminal: Terminal; readonly bytesMax: number },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of streamInput(path, terminal)) {
    length += chunk.length;
    if (length > bytesMax)
      throw new CliError('cli.unreadable', `\`${path}\` has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

/** The lines of a file without their line feeds; one above the bound is passed over and told as `too-long`. Throws `cli.unreadable`. */
export async function* readLines(
  path: string,
  { terminal, lineBytesMax }: { readonly terminal: Terminal; readonly lineBytesMax: number },
): AsyncGenerator<Uint8Array | 'too-long', void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  // Of a line above the bound nothing is kept but that it goes on.
  let isTooLong = false;
  for await (const chunk of streamInput(path, terminal)) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, from)) {
      yield isTooLong || end - from > lineBytesMax ? 'too-long' : rest.subarray(from, end);
      isTooLong = false;
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > lineBytesMax) isTooLong = true;
    if (isTooLong) rest = Buffer.alloc(0);
  }
  if (isTooLong) yield 'too-long';
  else if (rest.length > 0) yield rest;
}

function unreadable(path: string, cause: unknown): CliError {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : String((cause as Error).message);
  // JSON in the place of the file that would hold it.
  const hint = /^\s*[{[]/.test(path)
    ? { hint: 'a file is named here, or `-` for standard input: write it to a file first' }
    : {};
  return new CliError('cli.unreadable', `cannot read \`${path}\`: ${why}`, { cause, ...hint });
}
