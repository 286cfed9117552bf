import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A private folder that is gone, with all that is in it, after `remove` or at the end of a `using` block. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
  /** Path of something inside. */
  join(...parts: readonly string[]): string;
  remove(): void;
}

/** Makes an empty folder (mode 0700) below the system's temporary folder. */
export function temporaryFolder(prefix = 'fleetward-test-'): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, join: (...parts) => join(path, ...parts), remove, [Symbol.dispose]: remove };
}
