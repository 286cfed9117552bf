import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import type { Config } from './config.ts';
import { NotInitialisedError } from './initialised.ts';
import { signingOptions } from './signing-process.ts';

/**
 * Asks whether the folder can be that of a platform before anything is written into it: a mistyped name must not become a
 * folder. Throws `platform.not_initialised`, and the system's own error when this user may not use it.
 */
export function assertPlatformFolder(config: Config): void {
  const { folder } = config;
  const { keyFolder } = signingOptions(config);
  if (!isFolder(folder)) throw holdsNone(folder, 'there is no such folder');
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  if (!isFolder(keyFolder) || readdirSync(keyFolder).length === 0)
    throw holdsNone(folder, 'it holds no keys');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function holdsNone(folder: string, why: string): NotInitialisedError {
  return new NotInitialisedError(
    'platform.not_initialised',
    `\`${folder}\` holds no platform (${why}): run \`fleetward init\` first`,
  );
}
