import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz, seeds } from '../fuzz/director.fuzz.ts';
import { instructionFilePath } from '../src/director/instruction.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import {
  collectingSink,
  dayMs,
  directedRepository,
  fastKeys,
  fileOf,
  lampName,
  lampRelease,
  newDevice,
  newSigner,
  publishedRepository,
} from './kit.ts';

const paths = ['lamp/1.0.0.img', 'lamp/1.1.0.img'] as const;

/** Two releases, and a device that follows the director to the first. */
async function followingDevice() {
  const repository = await directedRepository();
  const store = createMemoryStore();
  const { client } = await newDevice(repository, { store });
  expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  await repository.release(paths[1], fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
  return { repository, store, client };
}

describe('a device whose root names a director', () => {
  it('is offered the one target it is instructed to have, not the newest, and may get no other', async () => {
    const { repository, client } = await followingDevice();
    await client.refresh();
    expect(client.isDirected()).toBe(true);
    expect(client.targets().map(({ path }) => path)).toEqual([paths[0]]);
    expect(await client.findTarget(paths[0])).toMatchObject({ kind: 'found', role: 'targets' });
    const none = { kind: 'refused', step: 'Uptane 5.4.4.2.10', reason: 'no-instruction' };
    expect(await client.findTarget(paths[1])).toMatchObject(none);
    const other = { ...client.targets()[0]!, ...repository.image(paths[1]) };
    const sink = collectingSink();
    expect(await client.download(other, sink)).toMatchObject(none);
    const renamed = { ...other, path: paths[0] };
    expect(await client.download(renamed, sink)).toMatchObject(none);
    expect(sink.bytes()).toHaveLength(0);
    expect(await client.download(client.targets()[0]!, sink)).toMatchObject({ kind: 'downloaded' });
  });

  it('takes everything but length and hash from what was signed off line', async () => {
    const { client } = await followingDevice();
    await client.refresh();
    expect(client.targets()[0]!.custom).toEqual(lampRelease('1.0.0', 1));
  });

  it('is offered nothing while it is instructed to stay as it is', async () => {
    const { repository, client } = await followingDevice();
    repository.clock.advance(1000);
    await repository.instruct();
    expect(await client.refresh()).toMatchObject({
      kind: 'updated',
      versions: { director: expect.any(Number) },
    });
    expect(client.targets()).toEqual([]);
  });

  it('writes nothing for an instruction that it has', async () => {
    const { client, store } = await followingDevice();
    await client.refresh();
    const kept = await store.read('director');
    expect(await client.refresh()).toMatchObject({ kind: 'current' });
    expect(await store.read('director')).toBe(kept);
  });

  it('finds what it is instructed to have also after a restart', async () => {
    const { repository, store } = await followingDevice();
    const { client } = await newDevice(repository, { store });
    await client.refresh();
    expect(client.targets().map(({ path }) => path)).toEqual([paths[0]]);
  });

  it('follows nobody while it does not know its own name', async () => {
    const repository = await directedRepository();
    const { client } = await newDevice(repository, { thingName: '' });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'not-for-this-device' });
  });

  it('is free again when the root names a director no longer', async () => {
    const { repository, client, store } = await followingDevice();
    const { director: _, ...keys } = repository.keys;
    repository.keys = keys;
    await repository.rotate({});
    repository.files.delete(instructionFilePath);
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
    expect(client.isDirected()).toBe(false);
    expect(client.targets().map(({ path }) => path)).toEqual([...paths]);
    expect(await store.read('director')).toBeUndefined();
  });

  it('installs a target only if the director it trusts told this very device to, in time, and it is a release', async () => {
    const stranger = newSigner();
    const { repository } = await followingDevice();
    const startMs = repository.clock.now();
    const shape = fc.record({
      isDirector: fc.boolean(),
      thingName: fc.constantFrom(lampName, 'lamp-8'),
      image: fc.constantFrom(...paths, undefined),
      sha256: fc.constantFrom(undefined, 'b'.repeat(64)),
      version: fc.integer({ min: 1, max: 5 }),
      livesMs: fc.integer({ min: -2000, max: 2000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 5 }), async (instructions) => {
        const { client } = await newDevice(repository);
        let followed = 0;
        for (const { isDirector, thingName, image, sha256, version, livesMs } of instructions) {
          const target = image && { ...repository.image(image), ...(sha256 && { sha256: sha256 as never }) };
          const signer = isDirector ? {} : { signer: stranger };
          await repository.instruct({ thingName, version, target, expiresMs: startMs + livesMs, ...signer });
          // Times are written in whole seconds.
          const isFresh = Math.floor((startMs + livesMs) / 1000) * 1000 > startMs;
          const isHeard = isDirector && thingName === lampName && isFresh && version >= followed;
          if (isHeard) followed = version;
          const isGood = isHeard && (image === undefined || sha256 === undefined);
          const outcome = await client.refresh();
          expect(outcome.kind !== 'refused').toBe(isGood);
          if (isGood) expect(client.targets().map(({ path }) => path)).toEqual(image ? [image] : []);
          else expect(() => client.targets()).toThrow('no refresh has succeeded yet');
        }
      }),
      { numRuns: 30 },
    );
  });

  it('takes no bytes for an instruction but those that its director signed', () => {
    for (const seed of seeds) fuzz(seed);
    const change = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.nat(),
      byte: fc.nat(255),
      keep: fc.nat(),
    });
    fc.assert(
      fc.property(change, ({ seed, at, byte, keep }) => {
        const copy = Uint8Array.from(seed);
        copy[at % copy.length] = byte;
        fuzz(copy);
        fuzz(copy.subarray(0, keep % copy.length));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a device whose root names no director', () => {
  it('chooses by itself, whatever lies where an instruction would', async () => {
    const repository = await publishedRepository();
    await repository.instruct({ thingName: 'lamp-8', signer: newSigner() });
    const { client } = await newDevice(repository);
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
    expect(client.isDirected()).toBe(false);
    expect(client.targets().map(({ path }) => path)).toEqual([paths[0]]);
  });
});

describe('publishing a root that names a director', () => {
  const published = (director: ReturnType<typeof newSigner>) =>
    publishedRepository(undefined, { ...fastKeys(), director: [director] });

  it('is refused by a platform that has not its key: no device would follow it', async () => {
    const repository = await published(newSigner());
    repository.onlineDirector = [newSigner()];
    expect(await repository.renew()).toMatchObject({
      kind: 'refused',
      reason: 'below-threshold',
      subject: 'root',
    });
    repository.onlineDirector = repository.keys.director!;
    expect(await repository.renew()).toMatchObject({ kind: 'published' });
    repository.clock.advance(dayMs);
  });
});
