import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';

/** Makes the file (mode 0600) and its folder (0700) where they are missing, and takes the file from everybody else. */
export function createPrivateFile(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const directory = openSync(folder, 'r');
  fsyncSync(directory);
  closeSync(directory);
}
