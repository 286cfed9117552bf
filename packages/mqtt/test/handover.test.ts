import { afterEach, describe, expect, test } from 'vitest';
import { connected, connectPacket, RawClient, type Rig, startRig, subscribePacket } from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

const MESSAGES = 1_000;
const GIVEN_A_TURN = 64;
const filter = '$share/g/jobs/#';

let rig: Rig;
afterEach(() => rig.stop());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function quiet(): Promise<void> {
  while (rig.broker.metrics().uncommittedBytes > 0) await turn();
}

async function member(clientId: string, sessionExpiryInterval: number): Promise<RawClient> {
  const client = await connected(rig, 5, {
    clientId,
    cleanStart: false,
    properties: { sessionExpiryInterval },
  });
  client.send(subscribePacket(filter, 2));
  await client.next();
  return client;
}

async function leave(client: RawClient): Promise<void> {
  client.send({ kind: 'disconnect', reasonCode: 0, properties: {} });
  while ((await client.next()) !== 'end');
}

/** `one` is owed all, was sent none of it, and its session is over when 61 seconds have passed; `two` keeps its own. */
async function startWithEstate(store: HeldStore, qos: 1 | 2): Promise<void> {
  rig = await startRig({ store, limits: { queuedMessagesMax: 10 * MESSAGES } });
  await leave(await member('one', 60));
  for (let count = 0; count < MESSAGES; count++)
    rig.broker.publish('jobs/1', Buffer.from(String(count)), { qos });
  await leave(await member('two', 3_600));
  await quiet();
}

/** Every message that a session is owed in the store, each as often as it is owed. */
function owedIn({ contents }: HeldStore): readonly string[] {
  return [...contents.sessions.values()].flatMap(({ deliveries }) =>
    [...deliveries.values()].map(({ message }) => {
      const packet = contents.messages.get(message)?.packet ?? Buffer.alloc(0);
      return String(Buffer.from(packet).subarray(2 + 2 + 'jobs/1'.length + 1));
    }),
  );
}

const all = Array.from({ length: MESSAGES }, (_, index) => String(index)).sort();

describe.each([1, 2] as const)('a session that is over with a long shared queue of QoS %i', (qos) => {
  test(`gives at most ${GIVEN_A_TURN} messages a turn, and all of them`, async () => {
    const store = new HeldStore();
    await startWithEstate(store, qos);
    rig.advance(61_000);
    for (let before = 0; before < MESSAGES; ) {
      await turn();
      const { messagesHandedOn } = rig.broker.metrics();
      expect(messagesHandedOn - before).toBeLessThanOrEqual(GIVEN_A_TURN);
      before = messagesHandedOn;
    }
    await quiet();
    expect([...owedIn(store)].sort()).toEqual(all);
    await turn();
    await quiet();
    expect(store.contents.sessions.size).toBe(1);
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, storedMessages: MESSAGES });
  });

  // With QoS 2 what an earlier run may have sent stays its own (MQTT5-4.8.2-5), so the end has to be durable first.
  test.each(qos === 1 ? [0, 1, 5, 15, 16] : [1, 5, 15, 16])(
    'is owned by one or the other when the broker crashes after %i turns of it, and goes on',
    async (turns) => {
      const store = new HeldStore();
      await startWithEstate(store, qos);
      rig.advance(61_000);
      for (let count = 0; count < turns; count++) await turn();
      const before = rig;
      store.fail(new Error('crashed'));
      expect([...owedIn(store)].sort()).toEqual(all);
      const reopened = new HeldStore(store.contents);
      rig = await startRig({
        store: reopened,
        nowMs: 1_062_000,
        limits: { queuedMessagesMax: 10 * MESSAGES },
      });
      await before.stop();
      rig.advance(61_000); // where the end of `one` was not durable it has been away since the restart
      while (reopened.contents.sessions.size > 1) await turn();
      expect([...owedIn(reopened)].sort()).toEqual(all);
      const two = await resumed('two');
      const received = new Set<string>();
      while (received.size < MESSAGES) {
        const packet = await two.next();
        if (packet === 'end') throw new Error('the connection ended');
        if (packet.kind === 'publish') received.add(String(packet.payload));
        const answer = packet.kind === 'publish' ? (qos === 1 ? 'puback' : 'pubrec') : 'pubcomp';
        if ('packetId' in packet)
          two.send({ kind: answer, packetId: packet.packetId ?? 0, reasonCode: 0, properties: {} });
      }
      expect([...received].sort()).toEqual(all);
    },
  );

  test('keeps it when the platform stops in the middle, and the next run goes on', async () => {
    const store = new HeldStore();
    await startWithEstate(store, qos);
    rig.advance(61_000);
    await turn();
    await turn();
    await rig.stop();
    rig = await startRig({ store: new HeldStore(store.contents), nowMs: 1_062_000 });
    while (store.contents.sessions.size > 1) await turn();
    expect([...owedIn(store)].sort()).toEqual(all);
  });
});

async function resumed(clientId: string): Promise<RawClient> {
  const client = new RawClient(rig.port, 5);
  client.send(
    connectPacket(5, { clientId, cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }),
  );
  expect(await client.next()).toMatchObject({ kind: 'connack', sessionPresent: true });
  return client;
}

test('a session that was to end with its connection ends with the crash: its will is sent, its jobs go to others', async () => {
  const store = new HeldStore();
  rig = await startRig({ store });
  await leave(await member('one', 60));
  rig.broker.publish('jobs/1', Buffer.from('job'), { qos: 1 });
  const watcher = await connected(rig, 5, {
    clientId: 'watcher',
    cleanStart: false,
    properties: { sessionExpiryInterval: 3_600 },
  });
  watcher.send(subscribePacket('gone', 1));
  await watcher.next();
  await leave(await member('two', 3_600));
  const will = { topic: 'gone', payload: Buffer.from('one'), qos: 1, retain: false, properties: {} } as const;
  await connected(rig, 5, { clientId: 'one', cleanStart: false, will });
  await quiet();
  const before = rig;
  store.fail(new Error('crashed'));
  rig = await startRig({
    store: new HeldStore(store.contents),
    nowMs: 1_010_000,
    hooks: { accessOf: () => ({ mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true }) },
  });
  await before.stop();
  expect(await (await resumed('watcher')).next()).toMatchObject({ topic: 'gone' });
  expect(await (await resumed('two')).next()).toMatchObject({ topic: 'jobs/1' });
});
