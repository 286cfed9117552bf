import { AppError } from '@fleetward/core';
import type { Config } from './config.ts';
import type { Storage } from './storage/index.ts';

/** The records hold no platform yet. */
export class NotInitialisedError extends AppError<'platform.not_initialised'> {}

export async function assertInitialised(storage: Storage, config: Config): Promise<void> {
  const authorities = await storage.stores.certificates.authorities();
  if (authorities.length > 0) return;
  throw new NotInitialisedError(
    'platform.not_initialised',
    `\`${config.folder}\` holds no platform: run \`fleetward init\` first`,
  );
}
