import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, type TemporaryFolder } from '@fleetward/testkit';
import {
  createMasterKeyFile,
  type KeySpec,
  type MasterKeySource,
  parseKeyName,
  parseSigningPurpose,
  type SigningProcess,
  type SigningProcessOptions,
  startSigningProcess,
} from '../src/index.ts';

export const testEntry = join(import.meta.dirname, 'entries/signing-entry.ts');

/** The master key file of this seed in the folder; made when it is not there. */
export function masterKeyFile(
  folder: TemporaryFolder,
  seed = 1,
): MasterKeySource & { readonly kind: 'file' } {
  const path = folder.join(`master-${seed}.key`);
  if (!existsSync(path)) createMasterKeyFile(path, seededRandom(`master ${seed}`));
  return { kind: 'file', path };
}

/** Starts the test entry on `folder/keys`; what a test does not name gets a default. */
export function startSigning(
  folder: TemporaryFolder,
  options: Partial<SigningProcessOptions> = {},
): Promise<SigningProcess> {
  return startSigningProcess({
    entry: testEntry,
    keyFolder: folder.join('keys'),
    masterKey: masterKeyFile(folder),
    environment: {},
    random: seededRandom('records'),
    log: () => undefined,
    ...options,
  });
}

export function keySpec(
  name: string,
  options: { readonly purpose?: string; readonly algorithm?: KeySpec['algorithm'] } = {},
): KeySpec {
  return {
    name: parseKeyName(name),
    purpose: parseSigningPurpose(options.purpose ?? 'anything'),
    algorithm: options.algorithm ?? 'ed25519',
  };
}

export function writePrivately(path: string, content: string | Uint8Array, mode = 0o600): void {
  writeFileSync(path, content, { mode });
}
