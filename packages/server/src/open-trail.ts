import type { Clock, Random, Signer } from '@fleetward/core';
import type { Config } from './config.ts';
import type { Storage } from './storage/index.ts';
import { createTrail, type Trail } from './trail/index.ts';

/** The trail of this node, as the settings want it; `signer` is the key of its checkpoints. */
export function openTrail(
  config: Pick<Config, 'node' | 'trail'>,
  parts: {
    readonly storage: Storage;
    readonly signer: Signer;
    readonly clock: Clock;
    readonly random: Random;
    readonly onCheckpointFailed?: (error: unknown) => void;
  },
): Trail {
  const { storage, ...rest } = parts;
  const { stores, transactor } = storage;
  return createTrail({
    ...config.trail,
    ...rest,
    store: stores.trail(config.node),
    node: config.node,
    transactor,
  });
}
