import { utf8 } from '@fleetward/core';
import { seededRandom } from '@fleetward/testkit';
import type { MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { AnswersTo, ReservedTopic } from '../../src/reserved-topic.ts';
import { FaultyBus, SlowLeases } from './faulty-bus.ts';
import { type GatewayPair, startGatewayPair } from './gateway-pair.ts';

const bus = new FaultyBus();
const clients: MqttClient[] = [];
let pair: GatewayPair;
let pump: Awaited<ReturnType<GatewayPair['enrol']>>;
/** Answers of `$aws/slow` that wait to be let go. */
let waiting: (() => void)[] = [];

function service(name: string, answersTo: AnswersTo, wait: () => Promise<void>): ReservedTopic {
  return {
    service: name,
    filter: `$aws/${name}/+`,
    answersTo,
    answer: async ({ payload }) => {
      await wait();
      return { kind: 'accepted', payload };
    },
    rejected: (_request, fault) => ({ kind: 'rejected', payload: utf8(fault) }),
  };
}

const atOnce = async (): Promise<void> => undefined;
const services = [
  service('asker', 'asker', atOnce),
  service('subscribed', 'subscribed-asker', atOnce),
  service('everybody', 'subscribers', atOnce),
  service('slow', 'asker', () => new Promise((resolve) => waiting.push(resolve))),
];

beforeAll(async () => {
  pair = await startGatewayPair({ bus, leases: new SlowLeases(seededRandom('leases')) }, services);
  pump = await pair.enrol('pump');
});
afterAll(() => pair.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  bus.inOrder();
});

interface Device {
  readonly client: MqttClient;
  readonly heard: string[];
}

async function connect(
  at: 0 | 1,
  clientId: string,
  more: Parameters<GatewayPair['connect']>[3] = {},
): Promise<Device> {
  const heard: string[] = [];
  const hear = (topic: string, payload: Buffer) => void heard.push(`${topic} ${payload}`);
  const client = await pair.connect(at, pump, clientId, more, hear);
  clients.push(client);
  return { client, heard };
}

/** Whatever was on its way to the client before has arrived. */
async function settle({ client, heard }: Device): Promise<readonly string[]> {
  const marker = `marker/${Math.random()}`;
  await client.subscribeAsync(marker);
  await client.publishAsync(marker, 'here', { qos: 1 });
  await expect.poll(() => heard.includes(`${marker} here`)).toBe(true);
  return heard.filter((line) => !line.startsWith('marker/'));
}

test('an answer for the asker reaches it without a subscription, and nobody else with one', async () => {
  const asker = await connect(0, 'a');
  const other = await connect(0, 'b');
  await other.client.subscribeAsync('$aws/asker/#');
  await asker.client.publishAsync('$aws/asker/x', 'hello', { qos: 1 });
  await expect.poll(() => asker.heard).toEqual(['$aws/asker/x/accepted hello']);
  expect(await settle(other)).toEqual([]);
});

test('an answer for who asked to hear it is not pressed on an asker that did not', async () => {
  const asker = await connect(0, 'a');
  await asker.client.publishAsync('$aws/subscribed/x', 'unheard', { qos: 1 });
  expect(await settle(asker)).toEqual([]);
  await asker.client.subscribeAsync('$aws/subscribed/x/accepted');
  await asker.client.publishAsync('$aws/subscribed/x', 'heard', { qos: 1 });
  await expect.poll(() => asker.heard).toContain('$aws/subscribed/x/accepted heard');
});

test('an answer for subscribers reaches each once through every gateway, and the asker only if it is one', async () => {
  const asker = await connect(0, 'a');
  const here = await connect(0, 'b');
  const there = await connect(1, 'c');
  for (const { client } of [here, there])
    await client.subscribeAsync('$aws/everybody/+/accepted', { qos: 1 });
  await asker.client.publishAsync('$aws/everybody/x', 'news', { qos: 1 });
  await expect.poll(() => here.heard).toEqual(['$aws/everybody/x/accepted news']);
  bus.inOrder();
  await expect.poll(() => there.heard).toEqual(['$aws/everybody/x/accepted news']);
  expect(await settle(asker)).toEqual([]);
  expect(await settle(here)).toEqual(['$aws/everybody/x/accepted news']);
});

test('what the platform says is kept at another gateway for a session that is away', async () => {
  const kept = { clean: false, properties: { sessionExpiryInterval: 600 } };
  const away = await connect(1, 'd', kept);
  await away.client.subscribeAsync('$aws/news', { qos: 1 });
  await away.client.endAsync();
  pair.gateways[0].publish({ topic: '$aws/news', payload: utf8('while you were away') });
  bus.inOrder();
  const back = await connect(1, 'd', kept);
  await expect.poll(() => back.heard).toEqual(['$aws/news while you were away']);
});

test('requests under way are bounded for each connection and service', async () => {
  waiting = [];
  const asker = await connect(0, 'a');
  const bystander = await connect(0, 'b');
  for (let index = 0; index < 11; index++)
    await asker.client.publishAsync('$aws/slow/x', String(index), { qos: 1 });
  await expect.poll(() => asker.heard).toEqual(['$aws/slow/x/rejected throttled']);
  await asker.client.publishAsync('$aws/asker/x', 'another service', { qos: 1 });
  await expect.poll(() => asker.heard).toContain('$aws/asker/x/accepted another service');
  await bystander.client.publishAsync('$aws/slow/x', 'another connection', { qos: 1 });
  await expect.poll(() => waiting).toHaveLength(11);
  for (const letGo of waiting) letGo();
  await expect.poll(() => asker.heard).toHaveLength(12);
  await expect.poll(() => bystander.heard).toEqual(['$aws/slow/x/accepted another connection']);
});
