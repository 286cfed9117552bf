import { REASON } from '@fleetward/mqtt';
import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import type { MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FaultyBus, SlowLeases } from './faulty-bus.ts';
import { type GatewayPair, startGatewayPair } from './gateway-pair.ts';

const bus = new FaultyBus();
const leases = new SlowLeases(seededRandom('leases'));
const clients: MqttClient[] = [];
let pair: GatewayPair;
let pump: Awaited<ReturnType<GatewayPair['enrol']>>;
beforeAll(async () => {
  pair = await startGatewayPair({ bus, leases });
  pump = await pair.enrol('pump');
});
afterAll(() => pair.stop());
afterEach(endAll);

async function endAll(): Promise<void> {
  for (const client of clients.splice(0)) await client.endAsync(true);
  bus.inOrder();
  await expect.poll(() => pair.gateways.flatMap((gateway) => [...gateway.connections()])).toEqual([]);
}

async function connect(at: 0 | 1, clientId = 'pump', identity = pump): Promise<MqttClient> {
  const client = await pair.connect(at, identity, clientId);
  clients.push(client);
  return client;
}

/** The epoch of each session with this client id, over both gateways. */
function owners(clientId: string): readonly (number | undefined)[] {
  const sessions = pair.gateways.flatMap((gateway) => gateway.broker.get(clientId) ?? []);
  return sessions.map(({ peer }) => peer.claim?.epoch);
}

async function whileDelivering<T>(work: Promise<T>, seed: number): Promise<T> {
  const random = seededRandom(seed);
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    bus.deliverAny(random);
    await new Promise((resolve) => setImmediate(resolve));
  }
  bus.drain(random);
  return done;
}

test('of connections with one client id exactly one survives, the one with the highest epoch', async () => {
  const places = fc.array(fc.constantFrom<(0 | 1)[]>(0, 1), { minLength: 2, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(places, fc.nat(), async (at, seed) => {
      const attempts = await whileDelivering(Promise.allSettled(at.map((one) => connect(one))), seed);
      expect(attempts.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
      expect(owners('pump')).toEqual([leases.lastEpoch]);
      await endAll();
    }),
    { numRuns: 15 },
  );
});

test('the older session is told that it was taken over', async () => {
  const older = await connect(0);
  const told = new Promise((resolve) => older.once('disconnect', resolve));
  await connect(1);
  expect(owners('pump')).toHaveLength(2);
  bus.inOrder();
  expect(await told).toMatchObject({ reasonCode: REASON.sessionTakenOver });
  expect(owners('pump')).toEqual([leases.lastEpoch]);
});

test('a claim that arrives late, or again, cannot cut a newer session', async () => {
  await connect(0);
  const lateEpoch = leases.lastEpoch;
  await connect(1);
  const isLate = (epoch: number) => epoch === lateEpoch;
  bus.inOrder((message) => message.kind === 'session-claimed' && !isLate(message.epoch));
  expect(owners('pump')).toEqual([leases.lastEpoch]);
  for (const node of ['elsewhere', 'elsewhere'])
    bus.publish({ kind: 'session-claimed', clientId: 'pump', epoch: lateEpoch, node });
  bus.inOrder();
  expect(owners('pump')).toEqual([leases.lastEpoch]);
});

test('nobody connects while no epoch can be had, and those connected stay', async () => {
  await connect(0);
  const held = owners('pump');
  leases.isDown = true;
  await expect(connect(1)).rejects.toThrow();
  leases.isDown = false;
  expect(owners('pump')).toEqual(held);
});

test('a revocation cuts at both gateways and refuses the next CONNECT, though the registry has not heard of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const doomed = await pair.enrol('doomed');
      const live = [await connect(0, 'one', doomed), await connect(1, 'two', doomed)];
      const ends = live.map(
        (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
      );
      expect(pair.gateways[0].revoke(doomed.certificateId)).toMatchObject({ sessionsCut: 1 });
      expect(owners('two')).toHaveLength(1);
      bus.drain(seededRandom(seed));
      expect([...owners('one'), ...owners('two')]).toEqual([]);
      await Promise.all(ends);
      for (const at of [0, 1] as const) await expect(connect(at, 'again', doomed)).rejects.toThrow();
      clients.length = 0;
    }),
    { numRuns: 3 },
  );
});

interface Subscriber {
  readonly texts: readonly string[];
  readonly ended: Promise<unknown>;
}

/** What arrives below `data/`, in order; `ended` once the gateway's own word on `end` is there, after all before it. */
async function subscribe(at: 0 | 1): Promise<Subscriber> {
  const client = await connect(at, `subscriber-${at}`);
  const texts: string[] = [];
  const ended = new Promise((resolve) => {
    client.on('message', (topic, payload) => {
      if (topic === 'end') resolve(topic);
      else texts.push(payload.toString());
    });
  });
  await client.subscribeAsync(['data/#', 'end'], { qos: 1 });
  return { texts, ended };
}

/** Devices at both gateways publish `counts` messages each; `deliver` is what the bus does with them. */
async function exchange(counts: readonly [number, number], deliver: () => void) {
  const subscribers = [await subscribe(0), await subscribe(1)] as const;
  const sent = await Promise.all(
    counts.map(async (count, at) => {
      const client = await connect(at as 0 | 1, `publisher-${at}`);
      const texts = Array.from({ length: count }, (_, index) => `${at}/${index}`);
      await Promise.all(texts.map((text) => client.publishAsync('data/x', text, { qos: 1 })));
      return texts;
    }),
  );
  deliver();
  for (const { broker } of pair.gateways) broker.publish('end', Buffer.alloc(0), { qos: 1 });
  await Promise.all(subscribers.map(({ ended }) => ended));
  return { sent, received: subscribers.map(({ texts }) => texts) };
}

const counts = fc.tuple(fc.nat(20), fc.nat(20));

test('each subscriber gets each message once, however late, often or out of order the bus is', async () => {
  await fc.assert(
    fc.asyncProperty(counts, fc.nat(), async (many, seed) => {
      const { sent, received } = await exchange(many, () => bus.drain(seededRandom(seed)));
      for (const texts of received) expect(texts.toSorted()).toEqual(sent.flat().toSorted());
      await endAll();
    }),
    { numRuns: 8 },
  );
});

test('over a bus that keeps order, the messages of each publisher stay in order', async () => {
  await fc.assert(
    fc.asyncProperty(counts, async (many) => {
      const { sent, received } = await exchange(many, () => bus.inOrder());
      for (const texts of received)
        for (const at of [0, 1]) expect(texts.filter((text) => text.startsWith(`${at}/`))).toEqual(sent[at]);
      await endAll();
    }),
    { numRuns: 4 },
  );
});

test('a last will reaches the subscribers of the other gateway', async () => {
  const { texts, ended } = await subscribe(1);
  const mourned = await pair.connect(0, pump, 'mourned', {
    will: { topic: 'data/will', payload: Buffer.from('gone'), qos: 1, retain: false },
  });
  mourned.stream.destroy();
  await expect.poll(() => owners('mourned')).toEqual([]);
  bus.inOrder();
  pair.gateways[1].broker.publish('end', Buffer.alloc(0), { qos: 1 });
  await ended;
  expect(texts).toEqual(['gone']);
});

test('both gateways end with the same retained messages, however late, often or out of order the bus is', async () => {
  const changes = fc.array(fc.tuple(fc.constantFrom<(0 | 1)[]>(0, 1), fc.nat(2), fc.nat(3)), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(changes, fc.nat(), async (all, seed) => {
      const random = seededRandom(seed);
      const publishers = [await connect(0, 'publisher-0'), await connect(1, 'publisher-1')] as const;
      for (const [at, topic, value] of all) {
        // No payload clears the topic.
        const text = value === 0 ? '' : `${at}/${value}`;
        await publishers[at].publishAsync(`kept/${topic}`, text, { qos: 1, retain: true });
        bus.deliverAny(random);
      }
      bus.drain(random);
      const [first, second] = [await retainedAt(0), await retainedAt(1)];
      expect(second).toEqual(first);
      for (const topic of [0, 1, 2])
        await publishers[0].publishAsync(`kept/${topic}`, '', { qos: 1, retain: true });
      bus.inOrder();
      expect([...(await retainedAt(0)), ...(await retainedAt(1))]).toEqual([]);
      await endAll();
    }),
    { numRuns: 8 },
  );
});

/** What a new subscriber gets of `kept/#`. */
async function retainedAt(at: 0 | 1): Promise<readonly string[]> {
  const client = await connect(at, `reader-${at}`);
  const texts: string[] = [];
  const ended = new Promise((resolve) => {
    client.on('message', (topic, payload, { retain }) => {
      if (topic === 'end') resolve(topic);
      else texts.push(`${topic} ${payload} ${retain}`);
    });
  });
  await client.subscribeAsync(['kept/#', 'end'], { qos: 1 });
  await client.publishAsync('asked', '', { qos: 1 }); // what is retained is sent in turns of its own
  await new Promise((resolve) => setTimeout(resolve, 20));
  pair.gateways[at].broker.publish('end', Buffer.alloc(0), { qos: 1 });
  await ended;
  await client.endAsync(true);
  return texts.toSorted();
}

test('a message for a shared subscription goes to one member of both gateways, with any QoS', async () => {
  const plan = fc.record({
    at: fc.constantFrom<(0 | 1)[]>(0, 1),
    members: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
    qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2),
  });
  await fc.assert(
    fc.asyncProperty(plan, fc.nat(), async ({ at, members, qos }, seed) => {
      const texts: string[] = [];
      const join = async (place: 0 | 1, index: number) => {
        const client = await connect(place, `member-${place}-${index}`);
        client.on('message', (_, payload) => void texts.push(payload.toString()));
        await client.subscribeAsync('$share/workers/job/#', { qos });
      };
      for (const place of [0, 1] as const)
        for (let index = 0; index < members[place]; index++) await join(place, index);
      bus.drain(seededRandom(seed));
      const publisher = await connect(at, 'publisher');
      const jobs = Array.from({ length: 12 }, (_, index) => `${index}`);
      for (const job of jobs) await publisher.publishAsync('job/new', job, { qos });
      bus.drain(seededRandom(seed));
      const expected = members[0] + members[1] === 0 ? [] : jobs;
      const received = () => {
        bus.drain(seededRandom(seed)); // a message with QoS 0 may still be on its way to its gateway
        return texts.toSorted(byNumber);
      };
      await expect.poll(received).toEqual(expected);
      await endAll();
    }),
    { numRuns: 10 },
  );
});

const byNumber = (a: string, b: string) => Number(a) - Number(b);

test('a shared message whose members went meanwhile is given to a member of another gateway', async () => {
  const texts: string[] = [];
  const member = await connect(1, 'member-1');
  await member.subscribeAsync('$share/workers/job/#', { qos: 1 });
  bus.inOrder();
  const publisher = await connect(0, 'publisher');
  await publisher.publishAsync('job/new', 'owed', { qos: 1 });
  // It is on its way to gateway 1, whose member goes; the next one is here.
  await member.endAsync();
  await expect.poll(() => pair.gateways[1].broker.get('member-1')).toBeUndefined();
  const other = await connect(0, 'member-0');
  other.on('message', (_, payload) => void texts.push(payload.toString()));
  await other.subscribeAsync('$share/workers/job/#', { qos: 1 });
  bus.inOrder(({ kind }) => kind === 'shared-members');
  bus.inOrder();
  bus.inOrder();
  await expect.poll(() => texts).toEqual(['owed']);
});

test('what the last member here did not acknowledge goes to a member of the other gateway', async () => {
  const texts: string[] = [];
  const sulky = await connect(0, 'sulky');
  const reached = new Promise<void>((resolve) => {
    sulky.handleMessage = () => resolve(); // and no acknowledgement
  });
  await sulky.subscribeAsync('$share/workers/job/#', { qos: 1 });
  const publisher = await connect(0, 'publisher');
  await publisher.publishAsync('job/new', 'owed', { qos: 1 });
  await reached;
  const other = await connect(1, 'other');
  other.on('message', (_, payload) => void texts.push(payload.toString()));
  await other.subscribeAsync('$share/workers/job/#', { qos: 1 });
  bus.inOrder();
  sulky.stream.destroy();
  await expect
    .poll(() => {
      bus.inOrder();
      return texts;
    })
    .toEqual(['owed']);
});

test('a message keeps its MQTT 5 properties and its QoS on its way to the other gateway', async () => {
  const subscriber = await connect(1, 'subscriber');
  const arrived = new Promise<readonly unknown[]>((resolve) => {
    subscriber.on('message', (_, payload, packet) =>
      resolve([payload.toString(), packet.qos, packet.properties]),
    );
  });
  await subscriber.subscribeAsync('asked/#', { qos: 2 });
  const publisher = await connect(0, 'publisher');
  const properties = {
    contentType: 'text/plain',
    responseTopic: 'answers/1',
    correlationData: Buffer.from('7'),
    userProperties: { site: 'north' },
    payloadFormatIndicator: true,
  };
  await publisher.publishAsync('asked/1', 'why', { qos: 2, properties });
  bus.inOrder();
  expect(await arrived).toMatchObject(['why', 2, properties]);
});
