import { generateKeyPairSync } from 'node:crypto';
import { parseThingName, utf8 } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { FakeClock, seededRandom, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import type { PlatformMessage } from '../../src/reserved-topic.ts';
import { Shadows } from '../../src/shadows/index.ts';
import { readUpdate } from '../../src/shadows/read-update.ts';
import { openStorage } from '../../src/storage/index.ts';
import { createTrail } from '../../src/trail/index.ts';

// Fewer than share a commit, so that some of them are changed twice in one.
const thingsCount = 400;
const rounds = 25;
const limits = {
  documentBytesMax: 8_192,
  shadowsPerThingMax: 100,
  updatesPendingMax: thingsCount * rounds,
  updatesPerTransactionMax: 500,
};
const names = Array.from({ length: thingsCount }, (_, index) => parseThingName(`thing-${index}`));

test('a burst of 10,000 updates is durable, told in order for each thing, and bounded', async () => {
  const folder = temporaryFolder('fleetward-burst-');
  const storage = await openStorage({ kind: 'sqlite', folder: folder.path });
  const { stores, transactor } = storage;
  const clock = new FakeClock();
  const random = seededRandom('burst');
  const signer = localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
  const store = stores.trail('node-1');
  const trail = createTrail({ store, node: 'node-1', clock, random, signer, transactor });
  await transactor.transact(async (tx) => {
    for (const name of names)
      await stores.things.add(tx, { name, attributes: {}, tags: {}, state: 'active', createdAtMs: 1 });
  });
  const told = new Map<string, number[]>();
  const shadows = new Shadows({
    store: stores.shadows,
    transactor,
    trail,
    clock,
    isThing: () => true,
    changed: () => undefined,
    announce: ({ messages }) => {
      for (const message of messages) hear(told, message);
    },
    limits,
  });

  const memoryBefore = process.memoryUsage().rss;
  const begun = performance.now();
  const answers = Array.from({ length: rounds }, (_, round) =>
    names.map((thingName) => send(shadows, thingName, round)),
  ).flat();
  expect(shadows.pending).toBe(limits.updatesPendingMax);
  const oneMore = await send(shadows, names[0]!, rounds);
  expect(oneMore).toMatchObject({ kind: 'rejected', code: 429 });
  expect(new Set((await Promise.all(answers)).map(({ kind }) => kind))).toEqual(new Set(['accepted']));
  const seconds = (performance.now() - begun) / 1_000;
  const grownMib = (process.memoryUsage().rss - memoryBefore) / 2 ** 20;
  process.stdout.write(
    `${answers.length} updates of ${thingsCount} shadows: ${Math.round(answers.length / seconds)}/s, ${Math.round(grownMib)} MiB more\n`,
  );

  const inOrder = Array.from({ length: rounds }, (_, round) => round);
  for (const name of names) expect(told.get(name)).toEqual(inOrder);
  await trail.close();
  await storage.close();
  const again = await openStorage({ kind: 'sqlite', folder: folder.path });
  const found = await again.stores.shadows.find(names.map((thingName) => ({ thingName, shadowName: '' })));
  expect(found).toHaveLength(thingsCount);
  for (const { version, state } of found)
    expect([version, state.reported?.round]).toEqual([rounds, rounds - 1]);
  await again.close();
  folder.remove();
});

function send(shadows: Shadows, thingName: (typeof names)[number], round: number) {
  const state = {
    desired: { round: -1, mode: 'auto' },
    reported: { round, temperature: 20.5, mode: 'auto' },
  };
  const request = readUpdate(utf8(JSON.stringify({ state })), shadows.payloadBytesMax);
  if (request.kind === 'rejected') throw new Error(request.message);
  return shadows.update({ thingName, shadowName: '' }, request);
}

/** The rounds of each thing, in the order in which they were told. */
function hear(told: Map<string, number[]>, { topic, payload }: PlatformMessage): void {
  if (!topic.endsWith('/update/accepted')) return;
  const { state } = JSON.parse(Buffer.from(payload).toString());
  const name = topic.split('/')[2] ?? '';
  told.set(name, [...(told.get(name) ?? []), state.reported.round]);
}
