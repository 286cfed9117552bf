import { startSigningProcess } from '@fleetward/keys';
import type { Config } from './config.ts';
import { assertOwnedBy } from './folder-owner.ts';
import { rewrapServerCredentials } from './gateway/server-credentials.ts';
import type { InitPorts } from './init.ts';
import { assertInitialised } from './initialised.ts';
import { openTrail } from './open-trail.ts';
import { assertPlatformFolder } from './platform-folder.ts';
import { signingKeys } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';
import { onStorageAlone } from './storage-alone.ts';

export interface RotatedMasterKey {
  /** 16 hex digits that name the current master key; public. */
  readonly masterKeyId: string;
  /** Keys that were sealed under a previous master key and are under the current one now. */
  readonly rewrapped: number;
}

/**
 * Seals every stored key under `masterKey`, opening with `previousMasterKeys` what is under one of them; afterwards those
 * are not needed any more. It may be interrupted and run again. Throws `store.in_use` while the platform runs, and
 * `keys.unknown_master_key` when a key is sealed under a master key that was not given, and `folder.other_user` when
 * another user than the folder's owner runs it; then nothing has changed.
 */
export async function rotateMasterKey(config: Config, ports: InitPorts): Promise<RotatedMasterKey> {
  assertPlatformFolder(config);
  assertOwnedBy(config.folder, process.getuid?.());
  return await onStorageAlone(config, async (storage) => {
    await assertInitialised(storage, config);
    const signing = await startSigningProcess({ ...signingOptions(config), ...ports, log: () => undefined });
    try {
      const { masterKeyId } = signing.records;
      const ofServer = await rewrapServerCredentials(config.folder, signing.records);
      const rewrapped = ofServer + (await signing.rewrapKeys());
      const signer = await signing.signer(signingKeys.trailCheckpoint.name);
      const trail = openTrail(config, { ...ports, storage, signer });
      const payload = { masterKeyId, rewrapped };
      await storage.transactor.transact((tx) =>
        trail.append(tx, { kind: 'master_key.rotated', actor: { kind: 'setup' }, payload }),
      );
      await trail.close();
      return { masterKeyId, rewrapped };
    } finally {
      await signing.close();
    }
  });
}
