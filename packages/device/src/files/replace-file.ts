import { dirname } from 'node:path';
import type { Files } from './files.ts';

/** Replaces a small file whole and durably: after a power cut at any step it reads as the old bytes or the new ones. */
export function replaceFile(files: Files, path: string, bytes: Uint8Array): void {
  const beside = `${path}.new`;
  const writer = files.create(beside);
  try {
    writer.write(bytes);
    writer.sync(); // before the rename: a renamed file must never be found empty
  } finally {
    writer.close();
  }
  files.rename(beside, path);
  files.syncFolder(dirname(path));
}
