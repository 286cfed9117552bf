import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { FakeClock } from '@fleetward/testkit';
import {
  createMemoryStore,
  createUpdateClient,
  type Fetcher,
  type FetchResult,
  installRoot,
  type Release,
} from '@fleetward/updates';
import { describe, expect, test } from 'vitest';
import { prepareStart } from '../src/starter/prepare-start.ts';
import { ForgetfulDisk, PowerCut } from './forgetful-disk.ts';
import { type Behaviour, SimulatedDevice } from './simulated-device.ts';
import { TestRepository } from './test-repository.ts';

const image = (version: string) => Buffer.from(`firmware ${version}`);

/** A device on the confirmed 1.0.0 (security version 1), and the repository it asks. */
async function newDevice(behaviourOf: (version: string) => Behaviour = () => 'healthy') {
  const clock = new FakeClock();
  const repository = await TestRepository.create(clock);
  const device = new SimulatedDevice(new ForgetfulDisk(), { repository, behaviourOf });
  await repository.release(image('1.0.0'));
  expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.0.0', from: undefined });
  const release = (version: string, overrides: Partial<Release> = {}) =>
    repository.release(image(version), { version, ...overrides });
  return { device, repository, clock, release };
}

/** Bytes without a pattern, the same for each seed. */
const noise = (seed: string, lengthBytes: number) => {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));
};

/** What a fetch answers made into something else, for images. */
async function clientWith(
  repository: TestRepository,
  alter: (result: Extract<FetchResult, { kind: 'stream' }>) => FetchResult,
) {
  const store = createMemoryStore();
  await installRoot(store, repository.root);
  const fetcher: Fetcher = {
    fetch: async (path, options) => {
      const result = await repository.fetcher.fetch(path, options);
      return path.startsWith('targets/') && result.kind === 'stream' ? alter(result) : result;
    },
  };
  return createUpdateClient({ store, fetcher, clock: repository.clock });
}

/** The connection breaks after some pieces. */
async function* broken(chunks: AsyncIterable<Uint8Array>, pieces: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (pieces-- === 0) throw new Error('connection reset');
    yield chunk;
  }
}

/** An update client whose repository starts to send an image and never ends. */
async function hangingClient(repository: TestRepository) {
  async function* hang(signal: AbortSignal) {
    yield new Uint8Array(1);
    await once(signal, 'abort');
    signal.throwIfAborted();
  }
  const store = createMemoryStore();
  await installRoot(store, repository.root);
  const fetcher: Fetcher = {
    fetch: async (path, options) =>
      path.startsWith('targets/')
        ? { kind: 'stream', chunks: hang(options.signal!) }
        : repository.fetcher.fetch(path, options),
  };
  return createUpdateClient({ store, fetcher, clock: repository.clock });
}

/** What would be started after a power cut now. */
function bootedVersion(device: SimulatedDevice): string {
  device.powerOff();
  const plan = device.boot();
  return plan.kind === 'start' ? plan.version : plan.kind;
}

describe('a pass of the agent', () => {
  test('installs, starts, probes and confirms the newest release, into the other slot each time', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0');
    await release('1.10.0');
    expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.10.0', from: '1.0.0' });
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.10.0' });
    await release('2.0.0-rc.1');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '2.0.0-rc.1' });
    expect(device.disk.read('/slots/a/image')).toEqual(image('2.0.0-rc.1'));
    expect(device.disk.read('/slots/b/image')).toEqual(image('1.10.0'));
  });

  test('goes back from a release that fails its health check, and does not try it again', async () => {
    const { device, release } = await newDevice((version) => (version === '1.1.0' ? 'unhealthy' : 'healthy'));
    await release('1.1.0');
    expect(await device.pass()).toMatchObject({
      kind: 'rolled-back',
      version: '1.1.0',
      to: '1.0.0',
      reason: 'health-check-failed',
    });
    expect(bootedVersion(device)).toBe('1.0.0');
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: 'device', reason: 'failed-before' });
    await release('1.2.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.2.0' });
  });

  test('goes back from a release that dies before it is confirmed', async () => {
    const { device, release } = await newDevice((version) => (version === '1.1.0' ? 'dies' : 'healthy'));
    await release('1.1.0');
    expect(await device.pass()).toMatchObject({ kind: 'rolled-back', reason: 'died-before-confirmation' });
    expect(bootedVersion(device)).toBe('1.0.0');
  });

  test('refuses a tampered image with its TUF step, and keeps nothing of it', async () => {
    const { device, repository, release } = await newDevice();
    const path = await release('1.1.0');
    repository.files.set(path, Buffer.from('fIrmware 1.1.0'));
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.7.3', reason: 'hash-mismatch' });
    repository.files.set(path, Buffer.from('firmware 1.1'));
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.7.3', reason: 'length-mismatch' });
    expect(device.disk.read('/slots/b/image')).toBeUndefined();
    expect(device.disk.read('/slots/b/image.staging')).toBeUndefined();
    expect(bootedVersion(device)).toBe('1.0.0');
  });

  test('refuses a tampered signature with its TUF step', async () => {
    const { device, repository, release } = await newDevice();
    await release('1.1.0');
    const timestamp = repository.files.get('metadata/timestamp.json')!;
    const file = JSON.parse(Buffer.from(timestamp).toString());
    const { sig } = file.signatures[0];
    file.signatures[0].sig = `${sig.startsWith('0') ? '1' : '0'}${sig.slice(1)}`;
    repository.files.set('metadata/timestamp.json', Buffer.from(JSON.stringify(file)));
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.4.2', reason: 'below-threshold' });
  });

  test('refuses metadata of an older version that is replayed, and expired metadata', async () => {
    const { device, repository, clock, release } = await newDevice();
    const old = repository.files.get('metadata/timestamp.json')!;
    clock.advance(5000);
    await release('1.1.0');
    await device.pass();
    const newest = repository.files.get('metadata/timestamp.json')!;
    repository.files.set('metadata/timestamp.json', old);
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.4.3.1', reason: 'rollback' });
    repository.files.set('metadata/timestamp.json', newest);
    clock.advance(2 * 86_400_000);
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.4.4', reason: 'expired' });
  });

  test('refuses a release for other hardware, and one that goes below the security floor', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0', { hardware: ['lamp-r2'] });
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: 'device', reason: 'wrong-hardware' });
    await release('1.2.0', { securityVersion: 5 });
    await device.pass();
    await release('1.3.0', { securityVersion: 4 });
    expect(await device.pass()).toMatchObject({ kind: 'refused', reason: 'below-security-floor' });
  });

  test('leaves releases of the agent alone', async () => {
    const { device, release } = await newDevice();
    await release('9.0.0', { component: 'agent' });
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.0.0' });
  });

  test('replaces the agent before it looks for firmware, and whatever the firmware waits for', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0');
    const replaceAgent = async () => true;
    expect(await device.pass({ replaceAgent })).toEqual({ kind: 'agent-first' });
    const read = device.folder.readSlots();
    expect(read).toMatchObject({ state: { active: 'a', confirmed: 'a' } });
  });

  test('ignores older releases and other products', async () => {
    const { device, release } = await newDevice();
    await release('0.9.0');
    await release('3.0.0', { product: 'kettle' });
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.0.0' });
  });

  test('refuses an endless timestamp and an image that is not there', async () => {
    const { device, repository, release } = await newDevice();
    const path = await release('1.1.0');
    const timestamp = repository.files.get('metadata/timestamp.json')!;
    repository.files.set('metadata/timestamp.json', new Uint8Array(100_000));
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.4.1', reason: 'too-long' });
    repository.files.set('metadata/timestamp.json', timestamp);
    repository.files.delete(path);
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.7.3', reason: 'missing' });
  });

  test('gives a repository that never finishes up, and a stop ends the pass, each with nothing changed', async () => {
    const { device, repository, release } = await newDevice();
    await release('1.1.0');
    const limits = {
      reserveBytes: 1,
      refreshWithinMs: 60_000,
      downloadWithinMs: 30,
      checkpointBytes: 1,
      bytesPerSecondMin: 1,
    };
    const client = await hangingClient(repository);
    expect(await device.pass({ client, limits })).toMatchObject({ kind: 'unreachable' });
    const stop = new AbortController();
    const pass = device.pass({ client, limits: { ...limits, downloadWithinMs: 60_000 } }, stop.signal);
    stop.abort();
    await expect(pass).rejects.toBe(stop.signal.reason);
    expect(bootedVersion(device)).toBe('1.0.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
  });

  test('does not fill the disk', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0');
    device.disk.freeSpace = 1010;
    expect(await device.pass()).toMatchObject({ kind: 'no-space', version: '1.1.0' });
    device.disk.freeSpace = 10_000;
    expect(await device.pass()).toMatchObject({ kind: 'confirmed' });
  });

  test('throws at damaged slots rather than guess', async () => {
    const { device } = await newDevice();
    device.disk.damage('/slots/slots.json');
    await expect(device.pass()).rejects.toMatchObject({ code: 'device.slots_damaged' });
  });
});

describe('a download that broke', () => {
  const breaking = (repository: TestRepository, pieces = 3) =>
    clientWith(repository, ({ chunks, ...rest }) => ({ ...rest, chunks: broken(chunks, pieces) }));
  const staging = '/slots/b/image.staging';

  /** A device whose download of 1.1.0 broke after three of four pieces; all but the last byte of them is kept. */
  async function halfWay() {
    const made = await newDevice();
    await made.release('1.1.0');
    const client = await breaking(made.repository);
    expect(await made.device.pass({ client })).toMatchObject({ kind: 'unreachable' });
    expect(made.device.disk.read(staging)).toHaveLength(11);
    made.repository.asked.length = 0;
    return made;
  }

  test('goes on where it stopped, again and again, also after a power cut', async () => {
    const { device, repository } = await halfWay();
    device.powerOff();
    device.disk.powerBack({ keep: [false], tear: 0, isZeroed: true });
    const client = await breaking(repository, 2);
    expect(await device.pass({ client })).toMatchObject({ kind: 'unreachable' });
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(repository.asked).toEqual([11, 12]);
    expect(device.disk.read('/slots/b/image.partial.json')).toBeUndefined();
  });

  test('begins anew where the repository cannot go on', async () => {
    const { device, repository } = await halfWay();
    const all = repository.files.get([...repository.files.keys()].find((path) => path.includes('1.1.0'))!)!;
    const client = await clientWith(repository, () => ({
      kind: 'stream',
      chunks: (async function* () {
        yield all;
      })(),
    }));
    expect(await device.pass({ client })).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
  });

  test('begins anew when the disk spoiled what was kept, and blames nobody', async () => {
    const { device, repository } = await halfWay();
    device.disk.damage(staging);
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(repository.asked).toEqual([11, 0]);
  });

  test('is forgotten for another release, and counts as space that is there', async () => {
    const { device, repository, release } = await halfWay();
    device.disk.freeSpace = 1004;
    const client = await breaking(repository, 1);
    expect(await device.pass({ client })).toMatchObject({ kind: 'unreachable' });
    device.disk.freeSpace = 10_000;
    await release('1.2.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.2.0' });
    expect(repository.asked).toEqual([11, 0]);
  });
});

describe('a release with an index of chunks', () => {
  const [first, change] = [noise('first', 600_000), noise('change', 1_000)];
  // Something in the middle is replaced by something longer, and the end is cut off.
  const second = Buffer.concat([first.subarray(0, 200_000), change, first.subarray(200_300, 590_000)]);
  const staging = '/slots/b/image.staging';

  /** A device on the confirmed first image, and the second one published with an index. */
  async function beforeSecond() {
    const repository = await TestRepository.create(new FakeClock());
    const device = new SimulatedDevice(new ForgetfulDisk(), { repository });
    await repository.release(first, { hasChunks: true });
    expect(await device.pass()).toMatchObject({ kind: 'confirmed' });
    await repository.release(second, { version: '1.1.0', hasChunks: true });
    repository.servedBytes = 0;
    return { device, repository };
  }

  test('is put together from the slot that is relied on and what it lacks', async () => {
    const { device, repository } = await beforeSecond();
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(second.equals(device.disk.read('/slots/b/image')!)).toBe(true);
    expect(repository.servedBytes).toBeLessThan(second.length / 4);
  });

  test('goes on where it stopped when the connection breaks, and after a power cut at any write', async () => {
    const { device, repository } = await beforeSecond();
    for (let kept = 0; ; ) {
      const client = await clientWith(repository, ({ chunks, ...rest }) => ({
        ...rest,
        chunks: broken(chunks, 3),
      }));
      device.disk.steps = 0;
      device.disk.cutAfter = 40;
      const cut = await device.pass({ client }).catch((error: unknown) => error);
      device.powerOff();
      device.disk.powerBack({ keep: [true], tear: 0.5, isZeroed: true });
      const now = device.disk.read(staging)?.length ?? second.length;
      if (!(cut instanceof PowerCut) || now <= kept) break;
      kept = now;
    }
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(second.equals(device.disk.read('/slots/b/image')!)).toBe(true);
  });

  test('is fetched whole when what is there turns out to be something else', async () => {
    const { device, repository } = await beforeSecond();
    device.disk.pieces = function* (path, lengthBytes, startByte = 0) {
      // Right while it is looked through, wrong when it is copied.
      const bytes = Buffer.from(this.read(path)!.subarray(startByte, startByte + lengthBytes));
      if (path.endsWith('/image') && lengthBytes < first.length) bytes[0]! ^= 1;
      yield bytes;
    };
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(second.equals(device.disk.read('/slots/b/image')!)).toBe(true);
    expect(repository.servedBytes).toBeGreaterThan(second.length);
  });

  test('is refused with its step when its bytes are not those that were signed, put together or whole', async () => {
    const { device, repository } = await beforeSecond();
    for (const [path, bytes] of repository.files) {
      if (path.endsWith('1.1.0-lamp-r1.img')) repository.files.set(path, Buffer.from(bytes).fill(1));
    }
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.7.3', reason: 'hash-mismatch' });
    expect(device.disk.read(staging)).toBeUndefined();
    expect(bootedVersion(device)).toBe('1.0.0');
  });
});

describe('a release with a patch', () => {
  const first = noise('first', 300_000);
  const second = Buffer.concat([first.subarray(0, 100_000), noise('change', 1_000), first.subarray(100_300)]);

  /** A device on the confirmed first image, and the second one published with a patch that was made from this one. */
  async function beforeSecond({ patchFrom = first, patchTo = second } = {}) {
    const repository = await TestRepository.create(new FakeClock());
    const device = new SimulatedDevice(new ForgetfulDisk(), { repository });
    await repository.release(first);
    expect(await device.pass()).toMatchObject({ kind: 'confirmed' });
    await repository.release(second, { version: '1.1.0', patchFrom, patchTo });
    repository.servedBytes = 0;
    return { device, repository };
  }

  test('is made from the slot that is relied on', async () => {
    const { device, repository } = await beforeSecond();
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(second.equals(device.disk.read('/slots/b/image')!)).toBe(true);
    expect(repository.servedBytes).toBeLessThan(3_000);
  });

  test.each([
    ['is for another image', { patchFrom: second }],
    ['leads to another image of the same length', { patchTo: Buffer.from(second).fill(1, 0, 9) }],
  ])('is fetched whole when the patch %s', async (_, patch) => {
    const { device, repository } = await beforeSecond(patch);
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    expect(second.equals(device.disk.read('/slots/b/image')!)).toBe(true);
    expect(repository.servedBytes).toBeGreaterThanOrEqual(second.length);
  });
});

describe('the starter', () => {
  test('never runs an altered image: it goes back to the confirmed one, and says so', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0');
    await device.pass();
    device.disk.damage('/slots/b/image');
    expect(bootedVersion(device)).toBe('1.0.0');
    device.disk.damage('/slots/a/image');
    expect(bootedVersion(device)).toBe('nothing');
  });

  test('does not go back below the security floor, even if nothing else is left', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0', { securityVersion: 2 });
    await device.pass();
    device.disk.damage('/slots/b/image');
    expect(bootedVersion(device)).toBe('nothing');
  });

  test('starts nothing unproven on a full disk, where it cannot count the attempt, but what is confirmed', async () => {
    const { device, release } = await newDevice();
    await release('1.1.0');
    const slow = {
      settings: { startWithinMs: 1, pollMs: 1, probeTries: 1, probePauseMs: 1 },
      isAlive: () => false,
    };
    const noStarter = {
      ...slow,
      pause: async () => undefined,
      probe: async () => ({ kind: 'healthy' as const }),
    };
    expect(await device.pass({ trial: noStarter })).toMatchObject({ kind: 'waiting', version: '1.1.0' });
    device.disk.isFull = true;
    expect(prepareStart(device.folder, { attemptsMax: 3 })).toMatchObject({
      version: '1.0.0',
      isTrial: false,
    });
    device.disk.isFull = false;
    expect(prepareStart(device.folder, { attemptsMax: 3 })).toMatchObject({
      version: '1.1.0',
      isTrial: true,
    });
  });

  test('starts nothing from damaged slots', async () => {
    const { device } = await newDevice();
    device.disk.damage('/slots/slots.json');
    expect(bootedVersion(device)).toBe('nothing');
  });
});
