import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { needs } from '@fleetward/testkit';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Rig, startRig } from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
let store: HeldStore;
beforeEach(async () => {
  store = new HeldStore();
  rig = await startRig({ store });
});
afterEach(() => rig.stop());

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** As after a kill -9, with all that was acknowledged on the disk. */
async function restart(): Promise<void> {
  await until(() => rig.broker.metrics().uncommittedBytes === 0);
  store.fail(new Error('killed'));
  const before = rig;
  store = new HeldStore(store.contents);
  rig = await startRig({ store });
  await before.stop();
}

/** Odd numbers went with QoS 1, even ones with QoS 2, which these clients hand on at PUBREL: each have their order. */
function expectInOrder(texts: readonly string[], count: number): void {
  const numbers = texts.map(Number);
  const all = Array.from({ length: count }, (_, index) => index + 1);
  for (const rest of [0, 1])
    expect(numbers.filter((each) => each % 2 === rest)).toEqual(all.filter((each) => each % 2 === rest));
}

describe.each([4, 5] as const)('MQTT.js on level %i', (protocolVersion) => {
  const session = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {};
  const options: IClientOptions = { protocolVersion, reconnectPeriod: 0, clean: false, ...session };

  function connect(clientId: string, more: IClientOptions = {}): Promise<MqttClient> {
    return mqtt.connectAsync(`mqtt://127.0.0.1:${rig.port}`, { ...options, clientId, ...more });
  }

  test('publishes and receives with QoS 2', async () => {
    const client = await connect('js', { clean: true });
    expect((await client.subscribeAsync('a/#', { qos: 2 }))[0]?.qos).toBe(2);
    const texts: string[] = [];
    client.on('message', (_topic, payload, { qos }) => texts.push(`${payload} ${qos}`));
    for (let count = 1; count <= 5; count++) await client.publishAsync('a/b', String(count), { qos: 2 });
    await until(() => texts.length === 5);
    expect(texts).toEqual(['1 2', '2 2', '3 2', '4 2', '5 2']);
    await client.endAsync();
  });

  test('finds its session with all it is owed after it was away and the broker was killed', async () => {
    const away = await connect('away');
    await away.subscribeAsync('t/#', { qos: 2 });
    await away.endAsync();
    const publisher = await connect('publisher', { clean: true });
    for (let count = 1; count <= 20; count++)
      await publisher.publishAsync('t/x', String(count), { qos: count % 2 === 0 ? 2 : 1 });
    await publisher.endAsync(true);
    await restart();
    const texts: string[] = [];
    const back = mqtt.connect(`mqtt://127.0.0.1:${rig.port}`, { ...options, clientId: 'away' });
    back.on('message', (_topic, payload) => texts.push(String(payload)));
    const connack = await new Promise((resolve) => back.once('connect', resolve));
    expect(connack).toMatchObject({ sessionPresent: true });
    await until(() => texts.length === 20);
    expectInOrder(texts, 20);
    await until(() => rig.broker.metrics().storedMessages === 0);
    await back.endAsync();
  });
});

needs('mosquitto_sub', 'mosquitto-clients').describe('mosquitto_sub with a session that is kept', () => {
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill();
  });

  function subscribe(version: string, more: readonly string[]): ChildProcess {
    const session = version === 'mqttv5' ? ['-x', '3600'] : [];
    const where = ['-h', '127.0.0.1', '-p', String(rig.port), '-V', version];
    const child = spawn('mosquitto_sub', [...where, ...session, '-i', 'mosq', '-c', '-q', '2', ...more]);
    running.push(child);
    return child;
  }

  test.each(['mqttv311', 'mqttv5'])('gets on %s with QoS 2 what came while it was away', async (version) => {
    const first = subscribe(version, ['-t', 'm/#', '-E']);
    expect((await once(first, 'exit'))[0]).toBe(0);
    for (let count = 1; count <= 10; count++)
      rig.broker.publish('m/x', Buffer.from(String(count)), { qos: count % 2 === 0 ? 2 : 1 });
    await restart();
    const second = subscribe(version, ['-t', 'm/#', '-C', '10']);
    let output = '';
    second.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    expect((await once(second, 'exit'))[0]).toBe(0);
    expectInOrder(output.trim().split('\n'), 10);
  });
});
