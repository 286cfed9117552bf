import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { connectPlatform, type DeviceIdentity } from '@fleetward/device';
import { getDeviceMetadata, getDeviceTarget } from '@fleetward/protocol';
import {
  createMemoryStore,
  createUpdateClient,
  type Fetcher,
  installRoot,
  type TrustedStore,
} from '@fleetward/updates';
import { type Engineer, firstRoot } from './release-engineer.ts';
import { must } from './story.ts';
import { deviceOf, devicesUrl, type World } from './world.ts';

const deviceName = 'my_iot_device';

// What follows plays the platform as an attacker who owns it: the device's own client, over the real connection, and
// bytes that are changed before it sees them.

export type Metadata = ReadonlyMap<string, Uint8Array>;
type Alter = (file: string, bytes: Uint8Array) => Uint8Array;

function fetcherOf(world: World, alter: Alter): Fetcher {
  return {
    fetch: async (path) => {
      const api = connectPlatform(deviceIdentity(world), { url: devicesUrl(world) });
      try {
        const bytes = await fetchBytes(api, path);
        return { kind: 'stream', chunks: Readable.from([alter(path.slice(path.indexOf('/') + 1), bytes)]) };
      } catch (error) {
        if ((error as { problem?: { status: number } }).problem?.status === 404) return { kind: 'absent' };
        throw error;
      } finally {
        api.close();
      }
    },
  };
}

async function fetchBytes(api: ReturnType<typeof connectPlatform>, path: string): Promise<Uint8Array> {
  const name = decodeURIComponent(path.slice(path.indexOf('/') + 1));
  const { bytes } = path.startsWith('metadata/')
    ? await api.download(getDeviceMetadata, { params: { file: name } })
    : await api.download(getDeviceTarget, { params: { '*': name } });
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function deviceIdentity(world: World): DeviceIdentity {
  return deviceOf(world, deviceName);
}

export async function trustingStore(engineer: Engineer): Promise<TrustedStore> {
  const store = createMemoryStore();
  await installRoot(store, await firstRoot(engineer));
  return store;
}

export function clientOf(
  world: World,
  options: { readonly store: TrustedStore; readonly alter?: Alter; readonly nowMs?: number },
) {
  const { store, alter = (_file, bytes) => bytes, nowMs } = options;
  return createUpdateClient({
    store,
    fetcher: fetcherOf(world, alter),
    clock: { now: () => nowMs ?? Date.now() },
  });
}

/** The metadata as it is now, under the names a device asks for. */
export async function recordMetadata(world: World): Promise<Metadata> {
  const api = connectPlatform(deviceIdentity(world), { url: devicesUrl(world) });
  try {
    return new Map([['timestamp.json', await fetchBytes(api, 'metadata/timestamp.json')]]);
  } finally {
    api.close();
  }
}

export async function refreshRefused(
  world: World,
  attack: {
    readonly engineer: Engineer;
    readonly alter: Alter;
    readonly store?: TrustedStore;
    readonly nowMs?: number;
  },
): Promise<string> {
  const store = attack.store ?? (await trustingStore(attack.engineer));
  const outcome = await clientOf(world, { ...attack, store }).refresh();
  must(outcome.kind === 'refused', `the refresh came out as ${outcome.kind}`);
  return `refused (TUF ${outcome.step}): ${outcome.explanation}`;
}

export async function downloadRefused(world: World, engineer: Engineer): Promise<string> {
  const client = clientOf(world, { store: await trustingStore(engineer) });
  const refreshed = await client.refresh();
  must(refreshed.kind === 'updated', `the refresh came out as ${refreshed.kind}`);
  const target = client.targets().find(({ path }) => path.includes('2.0.0'));
  must(target !== undefined, 'the targets do not list 2.0.0');
  const outcome = await client.download(target, { write: async () => undefined });
  must(outcome.kind === 'refused', `the download came out as ${outcome.kind}`);
  return `refused (TUF ${outcome.step}): ${outcome.explanation}`;
}

export async function withFlippedByte(
  world: World,
  image: Buffer,
  act: () => Promise<string>,
): Promise<string> {
  const name = createHash('sha256').update(image).digest('hex');
  const file = openSync(join(world.folder, 'platform', 'artifacts', name), 'r+');
  const at = 4_000_000;
  try {
    writeSync(file, Buffer.from([image[at]! ^ 1]), 0, 1, at);
    return await act();
  } finally {
    writeSync(file, image, at, 1, at);
    closeSync(file);
  }
}

export function breakSignatures(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(
    text.replaceAll(/"sig":"([0-9a-f])/g, (_, first: string) => `"sig":"${first === '0' ? '1' : '0'}`),
  );
}
