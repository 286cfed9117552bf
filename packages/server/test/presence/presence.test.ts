import { parseThingName, type ThingName } from '@fleetward/core';
import type { DisconnectReason } from '@fleetward/mqtt';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { presenceView } from '../../src/presence/index.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
let folder: TemporaryFolder;
let platform: Platform;

beforeAll(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

const visit = (thingName: ThingName | undefined, sessionIdentifier = 's') => ({
  thingName,
  visit: {
    clientId: 'client',
    sessionIdentifier,
    remoteAddress: '2001:db8::7',
    tlsVersion: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
  },
});
const shown = (name: ThingName) => presenceView(platform, name);

/** What is in memory alone is lost, as by kill -9. */
async function crash(): Promise<void> {
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
}

async function makeThing(name: string): Promise<ThingName> {
  const thingName = parseThingName(name);
  await platform.things.create({ name: thingName }, operator);
  return thingName;
}

test('a thing shows its newest connection, how the last one ended, and since when it is as it is', async () => {
  const { presence, clock } = platform;
  const lamp = await makeThing('lamp');
  expect(await shown(lamp)).toEqual({ connected: false, flapping: false });
  const [first, second] = [{}, {}];
  presence.came(first, visit(lamp, 'first'));
  const sinceMs = clock.now();
  const { visit: connection } = visit(lamp, 'first');
  expect(await shown(lamp)).toEqual({ connected: true, sinceMs, flapping: false, connection });
  clock.advance(1_000);
  presence.came(second, visit(lamp, 'second'));
  expect(await shown(lamp)).toMatchObject({
    connected: true,
    sinceMs,
    connection: { sessionIdentifier: 'second' },
  });
  presence.ended(second, 'MQTT_KEEP_ALIVE_TIMEOUT');
  const lastDisconnect = { reason: 'MQTT_KEEP_ALIVE_TIMEOUT', atMs: clock.now() };
  expect(await shown(lamp)).toEqual({
    connected: true,
    sinceMs,
    flapping: false,
    connection,
    lastDisconnect,
  });
  expect(presence.isConnected(lamp)).toBe(true);
  clock.advance(1_000);
  presence.ended(first, 'CONNECTION_LOST');
  expect(await shown(lamp)).toMatchObject({
    connected: false,
    sinceMs: clock.now(),
    lastDisconnect: { reason: 'CONNECTION_LOST' },
  });
});

test('what is no IP address is not kept as one', async () => {
  const pump = await makeThing('pump');
  const came = visit(pump);
  platform.presence.came({}, { ...came, visit: { ...came.visit, remoteAddress: '<script>' } });
  expect((await shown(pump)).connection).not.toHaveProperty('remoteAddress');
});

test('after a crash nothing is connected, and what was written is known', async () => {
  const { presence, clock } = platform;
  const meter = await makeThing('meter');
  presence.came({}, visit(meter, 'kept'));
  await presence.flush();
  expect(presence.counts).toMatchObject({ pending: 0 });
  clock.advance(60_000);
  await crash();
  const { clock: now } = platform;
  expect(await shown(meter)).toMatchObject({
    connected: false,
    sinceMs: now.now(),
    connection: { sessionIdentifier: 'kept' },
    lastDisconnect: { reason: 'SERVER_ERROR', atMs: now.now() },
  });
  expect(platform.presence.counts).toMatchObject({ connected: 0, pending: 0 });
});

test('a thing that is removed takes its presence along, also from one that gets its name', async () => {
  const gate = await makeThing('gate');
  const connection = {};
  platform.presence.came(connection, visit(gate));
  await platform.presence.flush();
  platform.presence.ended(connection, 'CONNECTION_LOST');
  await platform.things.remove(gate, operator);
  platform.clock.advance(1);
  await makeThing('gate');
  expect(await shown(gate)).toEqual({ connected: false, flapping: false });
  await platform.presence.flush();
  await crash();
  expect(await shown(gate)).toEqual({ connected: false, flapping: false });
});

test('what was known before stays where a write says nothing of it', async () => {
  const { presence } = platform;
  const valve = await makeThing('valve');
  const [first, second] = [{}, {}];
  presence.came(first, visit(valve));
  presence.ended(first, 'CLIENT_ERROR');
  await presence.flush();
  presence.came(second, visit(valve));
  await presence.flush();
  expect(await shown(valve)).toMatchObject({ connected: true, lastDisconnect: { reason: 'CLIENT_ERROR' } });
});

test('a row that was written while its thing was removed says nothing of the next one of that name', async () => {
  const { stores, transactor } = platform.storage;
  const atMs = platform.clock.now();
  platform.clock.advance(1);
  const crane = await makeThing('crane');
  await transactor.transact((tx) =>
    stores.presence.save(tx, [{ thingName: crane, isConnected: false, atMs }]),
  );
  expect(await shown(crane)).toEqual({ connected: false, flapping: false });
});

const reasons = fc.constantFrom<DisconnectReason>('CONNECTION_LOST', 'THROTTLED', 'DUPLICATE_CLIENTID');
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('came' as const), thing: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('ended' as const), which: fc.nat(5), reason: reasons }),
    fc.record({
      kind: fc.constant('moved' as const),
      which: fc.nat(5),
      thing: fc.integer({ min: 0, max: 3 }),
    }),
    fc.record({ kind: fc.constant('later' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
    fc.record({ kind: fc.constant('written' as const) }),
  ),
  { maxLength: 40 },
);

test('whatever comes, goes and moves, in whatever order it is written, each thing shows what happened', async () => {
  const names = [undefined, ...(await Promise.all(['p-1', 'p-2', 'p-3'].map(makeThing)))];
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const { presence, clock } = platform;
      const live: { readonly token: object; thing: ThingName | undefined }[] = [];
      const cames = new Map<ThingName, number[]>();
      const lastReason = new Map<ThingName, string>();
      // Those of the run before do not count any more.
      clock.advance(120_000);
      const came = (thing: ThingName | undefined) =>
        void (thing && cames.set(thing, [...(cames.get(thing) ?? []), clock.now()]));
      for (const step of list) {
        if (step.kind === 'later') clock.advance(step.ms);
        else if (step.kind === 'written') await presence.flush();
        else if (step.kind === 'came') {
          const connection = { token: {}, thing: names[step.thing] };
          presence.came(connection.token, visit(connection.thing));
          live.push(connection);
          came(connection.thing);
        } else if (live.length > 0) {
          const connection = live[step.which % live.length]!;
          if (step.kind === 'moved') {
            presence.speaksFor(connection.token, names[step.thing]);
            if (names[step.thing] !== connection.thing) came(names[step.thing]);
            connection.thing = names[step.thing];
          } else {
            presence.ended(connection.token, step.reason);
            live.splice(live.indexOf(connection), 1);
            if (connection.thing) lastReason.set(connection.thing, step.reason);
          }
        }
      }
      for (const name of names) {
        if (name === undefined) continue;
        const { connected, flapping, lastDisconnect } = await shown(name);
        expect(connected).toBe(live.some(({ thing }) => thing === name));
        const within = (cames.get(name) ?? []).filter((atMs) => atMs > clock.now() - 60_000);
        expect(flapping).toBe(within.length >= 3);
        if (lastReason.has(name)) expect(lastDisconnect!.reason).toBe(lastReason.get(name));
      }
      for (const { token } of live) presence.ended(token, 'THROTTLED');
    }),
    { numRuns: 60 },
  );
});
