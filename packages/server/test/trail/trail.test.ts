import { generateKeyPairSync } from 'node:crypto';
import { parseThingName } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { formatTrailLine, type TrailLine, verifyTrail } from '@fleetward/protocol';
import { FakeClock, seededRandom, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { createTrail, type TrailOptions } from '../../src/trail/index.ts';

const signer = localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
const system = { kind: 'system' } as const;
let folder: ReturnType<typeof temporaryFolder>;
let storage: Storage;

beforeEach(async () => {
  folder = temporaryFolder();
  storage = await openStorage({ kind: 'sqlite', folder: folder.path, readers: 1 });
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

function trailOf(changes: Partial<TrailOptions> = {}) {
  const { transactor, stores } = storage;
  const ports = { clock: new FakeClock(), random: seededRandom(1), signer, transactor };
  return createTrail({ store: stores.trail('node-1'), node: 'node-1', ...ports, ...changes });
}

function appendTo(trail: ReturnType<typeof trailOf>, name = 'x') {
  return storage.transactor.transact((tx) =>
    trail.append(tx, { kind: 'thing.created', actor: system, payload: { name } }),
  );
}

async function exportOf(trail: ReturnType<typeof trailOf>): Promise<TrailLine[]> {
  const lines: TrailLine[] = [];
  for await (const line of trail.exportLines()) lines.push(line);
  return lines;
}

test('a change and its entry commit together or not at all', async () => {
  const trail = trailOf();
  const change = (name: string, failing: boolean) =>
    storage.transactor.transact(async (tx) => {
      await storage.stores.things.add(tx, {
        name: parseThingName(name),
        attributes: {},
        tags: {},
        state: 'manufactured' as const,
        createdAtMs: 1,
      });
      await trail.append(tx, { kind: 'thing.created', actor: system, payload: { name } });
      if (failing) throw new Error('after the entry');
    });
  await Promise.allSettled([change('kept', false), change('dropped', true), change('kept', false)]);
  const entries = await trail.page({ afterSeq: 0, limit: 10 });
  expect(entries.map((one) => one.payload?.payload)).toEqual([
    '{"actor":{"kind":"system"},"payload":{"name":"kept"}}',
  ]);
  expect(await storage.stores.things.find(parseThingName('dropped'))).toBeUndefined();
});

test('an export of what many writers appended verifies, and ends with a fresh checkpoint', async () => {
  const trail = trailOf({ checkpointEntries: 7 });
  await Promise.all(Array.from({ length: 40 }, (_, index) => appendTo(trail, `thing-${index}`)));
  const lines = await exportOf(trail);
  expect(verifyTrail(lines, signer)).toMatchObject({ kind: 'intact', entries: 40, erased: 0 });
  expect(lines.at(-1)).toMatchObject({ type: 'checkpoint', checkpoint: { seq: 40 } });
});

test('an export longer than a page is whole, with every checkpoint after its entry', async () => {
  const trail = trailOf();
  const [first, second] = [3, 1200];
  for (const entries of [first, second - first, 50]) {
    await storage.transactor.transact(async (tx) => {
      for (let count = 0; count < entries; count++)
        await trail.append(tx, { kind: 'thing.created', actor: system, payload: {} });
    });
    await trail.checkpoint();
  }
  const lines = await exportOf(trail);
  expect(verifyTrail(lines, signer)).toMatchObject({ kind: 'intact', entries: 1250 });
  const covered = lines.flatMap((line) => (line.type === 'checkpoint' ? [line.checkpoint.seq] : []));
  expect(covered).toEqual([first, second, 1250]);
});

test('an export lets one see who, when and what, salted', async () => {
  const clock = new FakeClock('2026-03-01T00:00:00Z');
  const trail = trailOf({ clock });
  await appendTo(trail);
  await appendTo(trail);
  const [one, two] = await exportOf(trail);
  expect(one).toMatchObject({ entry: { kind: 'thing.created', at: clock.now(), node: 'node-1' } });
  if (one?.type !== 'entry' || two?.type !== 'entry') throw new Error('both are entries');
  expect(one.payload).toBe(two.payload);
  expect(one.entry.payloadHash).not.toBe(two.entry.payloadHash);
});

test('an erased payload is gone from the export, which still verifies', async () => {
  const trail = trailOf();
  await appendTo(trail, 'Ada Lovelace');
  await appendTo(trail);
  await storage.transactor.transact((tx) => trail.erase(tx, 1));
  const lines = await exportOf(trail);
  expect(verifyTrail(lines, signer)).toMatchObject({ kind: 'intact', erased: 1 });
  expect(lines.map(formatTrailLine).join('')).not.toContain('Lovelace');
});

test('an empty trail exports nothing and has no checkpoint', async () => {
  const trail = trailOf();
  expect(await trail.checkpoint()).toBeUndefined();
  expect(await exportOf(trail)).toEqual([]);
});

test('a checkpoint over the same entry is signed once, however many ask', async () => {
  let signatures = 0;
  const counting = {
    ...signer,
    sign: (message: Uint8Array) => {
      signatures++;
      return signer.sign(message);
    },
  };
  const trail = trailOf({ signer: counting });
  await appendTo(trail);
  const all = await Promise.all([trail.checkpoint(), trail.checkpoint(), trail.checkpoint()]);
  expect(new Set(all.map((one) => one?.signature)).size).toBe(1);
  expect(signatures).toBe(1);
});

test('a checkpoint is signed by itself after so many entries', async () => {
  const trail = trailOf({ checkpointEntries: 3 });
  for (let count = 0; count < 3; count++) await appendTo(trail);
  await vi.waitFor(async () => expect(await checkpoints()).toMatchObject([{ seq: 3 }]), 10_000);
});

test('a checkpoint is signed by itself after so much time', async () => {
  const trail = trailOf({ checkpointSeconds: 0.01 });
  await appendTo(trail);
  await vi.waitFor(async () => expect(await checkpoints()).toMatchObject([{ seq: 1 }]), 10_000);
});

test('closing covers what was appended last', async () => {
  const trail = trailOf();
  await appendTo(trail);
  await appendTo(trail);
  await trail.close();
  expect(await checkpoints()).toMatchObject([{ seq: 2 }]);
});

test('a signer that fails costs no change, is reported, and a later checkpoint covers all', async () => {
  let broken = true;
  const failures: unknown[] = [];
  const flaky = {
    ...signer,
    sign: (message: Uint8Array) =>
      broken ? Promise.reject(new Error('the signing process is away')) : signer.sign(message),
  };
  const onCheckpointFailed = (error: unknown) => failures.push(error);
  const trail = trailOf({ signer: flaky, checkpointEntries: 1, onCheckpointFailed });
  await appendTo(trail);
  await vi.waitFor(() => expect(failures).toHaveLength(1), 10_000);
  broken = false;
  await appendTo(trail);
  expect(verifyTrail(await exportOf(trail), signer)).toMatchObject({ kind: 'intact', entries: 2 });
});

test('an entry that is too large is refused, and the change with it', async () => {
  const trail = trailOf();
  await expect(appendTo(trail, 'x'.repeat(70_000))).rejects.toMatchObject({
    code: 'trail.payload_too_large',
  });
  expect(await trail.page({ afterSeq: 0, limit: 1 })).toEqual([]);
});

test('a signer that is not Ed25519 is refused at once', () => {
  const rsa = { ...signer, algorithm: 'rsa-pss-sha256' as const };
  expect(() => trailOf({ signer: rsa })).toThrow(/ed25519/);
});

function checkpoints() {
  return storage.stores.trail('node-1').checkpoints({ afterSeq: 0, limit: 10 });
}
