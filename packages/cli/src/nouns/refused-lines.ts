import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder } from '@fleetward/core/durable-file';
import { assertNewFile, unwritable } from '../write-file.ts';

/** The lines of an import of which nothing came, to mend and import. */
export interface RefusedLines {
  /** Told of the line that names the columns, where there is one. */
  readonly header: (bytes: Uint8Array) => void;
  add(bytes: Uint8Array): void;
  /** What was added is durable once it returns. */
  close(): void;
}

/**
 * A new private file (mode 0600) of lines as they came, under the header that they stood under; none where there is no such line.
 * Throws `cli.unwritable`.
 */
export function newRefusedLines(path: string): RefusedLines {
  assertNewFile(path);
  let header: Uint8Array = Buffer.alloc(0);
  let file: number | undefined;
  const write = (bytes: Uint8Array): void => {
    if (bytes.length > 0) writeSync(file!, Buffer.concat([bytes, Buffer.from('\n')]));
  };
  return {
    header: (bytes) => {
      header = bytes;
    },
    add(bytes) {
      try {
        if (file === undefined) {
          file = openSync(path, 'wx', 0o600);
          write(header);
        }
        write(bytes);
      } catch (cause) {
        throw unwritable(path, cause);
      }
    },
    close() {
      if (file === undefined) return;
      try {
        fsyncSync(file);
        syncFolder(dirname(path));
      } catch (cause) {
        throw unwritable(path, cause);
      } finally {
        closeSync(file);
      }
    },
  };
}
