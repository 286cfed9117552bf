import { readFileSync } from 'node:fs';
import type { Clock } from '@fleetward/core';
import type { ApiClient } from '@fleetward/protocol';
import {
  createUpdateClient,
  installRoot,
  openFileStore,
  type TrustedStore,
  type UpdateClient,
} from '@fleetward/updates';
import { platformFetcher } from '../agent/fetcher.ts';
import { DeviceError } from '../errors.ts';

export interface UpdateClientOptions {
  /** Of `connectPlatform`. */
  readonly api: Pick<ApiClient, 'download'>;
  /** Where the trusted metadata is kept; for this client alone. */
  readonly trustedFolder: string;
  /** The first TUF root, read while nothing is trusted yet. */
  readonly rootFile: string;
  readonly clock: Clock;
  /** The device's thing; needed where the root names a director, which instructs each thing by its name. */
  readonly thingName?: string;
  /** What the device is: then it reads no lists that teams of other products sign. */
  readonly product?: string;
  /** A slower repository is given up; default 512. */
  readonly bytesPerSecondMin?: number;
}

/**
 * The update client of the platform, for a product with a daemon of its own: `refresh`, then `targets`, `download`. Throws
 * `device.root_refused` when the first root does not hold.
 */
export async function openUpdateClient(options: UpdateClientOptions): Promise<UpdateClient> {
  const { api, trustedFolder, rootFile, clock, thingName, product, bytesPerSecondMin = 512 } = options;
  const store = await openTrustedStore(trustedFolder, rootFile);
  const pace = { bytesPerSecondMin, monotonicMs: () => performance.now() };
  const memoryBytes = () => process.availableMemory();
  const fetcher = platformFetcher(api, pace);
  return createUpdateClient({ store, fetcher, clock, thingName, product, memoryBytes });
}

/** A root that is trusted already is kept; only the chain of signatures replaces it. */
export async function openTrustedStore(trustedFolder: string, rootFile: string): Promise<TrustedStore> {
  const store = await openFileStore(trustedFolder);
  if ((await store.read('root')) !== undefined) return store;
  const outcome = await installRoot(store, readFileSync(rootFile));
  if (outcome.kind === 'refused')
    throw new DeviceError('device.root_refused', `\`${rootFile}\`: ${outcome.explanation}`);
  return store;
}
