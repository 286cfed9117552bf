import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { syncFolder } from '@fleetward/core/durable-file';
import type { Terminal } from './terminal.ts';
import { unwritable } from './write-file.ts';

/** Writes what comes to a new private file (mode 0600), or to standard output. What broke off leaves no file. Throws `cli.unwritable`. */
export async function writeStream(
  bytes: AsyncIterable<Uint8Array>,
  { out, terminal }: { readonly out: string | undefined; readonly terminal: Terminal },
): Promise<void> {
  if (out !== undefined) return writeTo(out, bytes);
  const { stdout } = terminal;
  for await (const chunk of bytes) if (!stdout.write(chunk)) await once(stdout, 'drain');
}

async function writeTo(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  try {
    await once(file, 'open');
  } catch (cause) {
    throw unwritable(path, cause);
  }
  try {
    await pipeline(bytes, file);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}
