import { realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DeviceError } from '../errors.ts';

/**
 * Throws unless a file, and every folder on the way to it, can be changed by nobody but root and this process's own user: it
 * says what is run, or what is believed, with the rights of this process.
 */
export function assertProtected(file: string, what: string): void {
  // As it is named, and where links lead to.
  for (const start of [resolve(file), realpathSync(file)]) {
    for (let path = start; ; path = dirname(path)) {
      if (isOthers(path))
        throw new DeviceError(
          'device.not_protected',
          `\`${file}\`, ${what}, can be changed through \`${path}\` by others than root: keep it in a folder of root's, such as /etc/fleetward`,
        );
      if (path === dirname(path)) break;
    }
  }
}

function isOthers(path: string): boolean {
  const status = statSync(path);
  if (status.uid !== 0 && status.uid !== process.getuid?.()) return true;
  const isSticky = status.isDirectory() && (status.mode & 0o1000) !== 0; // such as /tmp: others add there, and replace nothing
  return (status.mode & 0o022) !== 0 && !isSticky;
}
