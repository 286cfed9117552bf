import { createHash, randomBytes } from 'node:crypto';
import { fromBase64, type Signer, toBase64 } from '@fleetward/core';
import { type ApiClient, getOnlineKeys, publishMetadata, putArtifact } from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import { type Engineer, newEngineer } from '../releases/engineer.ts';

/** A release engineer whose root names the platform's online keys. */
export async function engineerOf(api: ApiClient): Promise<Engineer> {
  const { snapshot, timestamp } = await api.call(getOnlineKeys);
  const online = { snapshot: publicHalf(snapshot.publicKey), timestamp: publicHalf(timestamp.publicKey) };
  return newEngineer(online, new FakeClock(Date.now()));
}

/** What an engineer knows of a key of the server: it cannot sign with it. */
function publicHalf(publicKey: string): Signer {
  const sign = () => Promise.reject(new Error('only the platform has this private key'));
  return { algorithm: 'ed25519', publicKey: fromBase64(publicKey), sign };
}

export interface Firmware {
  readonly bytes: Buffer;
  readonly sha256: string;
}

export function newFirmware(): Firmware {
  const bytes = randomBytes(100_000);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Uploads the firmware; devices are not offered it yet. */
export async function store(api: ApiClient, { sha256, bytes }: Firmware): Promise<void> {
  await api.call(putArtifact, { params: { sha256 }, body: bytes });
}

/** Offers exactly this firmware to devices, as `app.bin`; the first publication brings the root. */
export async function publish(
  api: ApiClient,
  release: { readonly engineer: Engineer; readonly version: number; readonly firmware: Firmware },
): Promise<void> {
  const { engineer, version, firmware } = release;
  const roots = version === 1 ? { roots: [toBase64(await engineer.root(1))] } : {};
  // Version 1 lists nothing: adding a file makes the next one.
  const targets = toBase64(await engineer.targets(version + 1, { 'app.bin': firmware.bytes }));
  await api.call(publishMetadata, { body: { ...roots, targets } });
}
