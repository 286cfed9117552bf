import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { needs } from '@fleetward/testkit';
import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { REASON } from '../src/index.ts';
import { allowAll, type Rig, startRig } from './broker-rig.ts';
import { throwAwayCertificate } from './throw-away-certificate.ts';

let rig: Rig;
afterEach(() => rig.stop());

describe.each([4, 5] as const)('MQTT.js on level %i', (protocolVersion) => {
  const options = { protocolVersion, reconnectPeriod: 0 } as const;

  test.each([0, 1] as const)('subscribes, publishes and receives with QoS %i', async (qos) => {
    rig = await startRig();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${rig.port}`, { ...options, clientId: 'js' });
    try {
      const granted = await client.subscribeAsync('telemetry/+/x', { qos });
      expect(granted[0]?.qos).toBe(qos);
      const received = new Promise<string[]>((resolve) =>
        client.once('message', (topic, payload) => resolve([topic, payload.toString()])),
      );
      await client.publishAsync('telemetry/1/x', 'value', { qos });
      expect(await received).toEqual(['telemetry/1/x', 'value']);
      await client.unsubscribeAsync('telemetry/+/x');
    } finally {
      await client.endAsync();
    }
  });

  test('is told when it may not connect', async () => {
    rig = await startRig({
      hooks: { connect: () => ({ kind: 'refuse', reasonCode: REASON.notAuthorized }) },
    });
    const attempt = mqtt.connectAsync(`mqtt://127.0.0.1:${rig.port}`, options);
    await expect(attempt).rejects.toMatchObject({ code: protocolVersion === 5 ? 135 : 5 });
  });
});

describe('over TLS', () => {
  test('a cut connection still hears DISCONNECT with its reason, and then its end', async () => {
    rig = await startRig();
    const folder = mkdtempSync(join(tmpdir(), 'fleetward-mqtt-'));
    const { key, cert } = throwAwayCertificate(folder);
    const server = createServer({ key, cert }, (socket: TLSSocket) => rig.broker.accept(socket, 'tls'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const url = `mqtts://127.0.0.1:${port}`;
    const client = await mqtt.connectAsync(url, {
      protocolVersion: 5,
      clientId: 'tls',
      ca: cert,
      reconnectPeriod: 0,
    });
    try {
      const told = new Promise((resolve) => client.once('disconnect', resolve));
      const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
      // The client has CONNACK before the broker hears that it is written, and nothing is said behind what may be stuck.
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      rig.broker.get('tls')?.disconnect(REASON.administrativeAction);
      expect(await told).toMatchObject({ reasonCode: 0x98 });
      await ended;
    } finally {
      await client.endAsync(true);
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});

needs('mosquitto_pub', 'mosquitto-clients').describe('mosquitto_pub and mosquitto_sub', () => {
  test.each([
    ['mqttv311', 0],
    ['mqttv311', 1],
    ['mqttv5', 0],
    ['mqttv5', 1],
  ] as const)('exchange a message on %s with QoS %i', async (version, qos) => {
    let subscribed: () => void = () => {};
    const isSubscribed = new Promise<void>((resolve) => {
      subscribed = resolve;
    });
    rig = await startRig({ hooks: { subscribed: () => subscribed() } });
    const common = ['-h', '127.0.0.1', '-p', String(rig.port), '-V', version, '-q', String(qos)];
    const subscriber = spawn('mosquitto_sub', [...common, '-t', 'a/#', '-C', '1', '-v']);
    try {
      const output = once(subscriber.stdout, 'data');
      await isSubscribed;
      const publisher = spawn('mosquitto_pub', [...common, '-t', 'a/b', '-m', 'hello']);
      expect((await once(publisher, 'exit'))[0]).toBe(0);
      expect(String((await output)[0])).toBe('a/b hello\n');
    } finally {
      subscriber.kill();
    }
  });

  test('say so when a message is refused', async () => {
    rig = await startRig({ access: { ...allowAll, mayPublish: () => false } });
    const arguments_ = [
      '-h',
      '127.0.0.1',
      '-p',
      String(rig.port),
      '-V',
      'mqttv5',
      '-q',
      '1',
      '-t',
      'a',
      '-m',
      'x',
    ];
    const publisher = spawn('mosquitto_pub', arguments_);
    const [said] = await once(publisher.stderr, 'data');
    await once(publisher, 'exit');
    expect(String(said)).toMatch(/not authori[sz]ed/i);
  });
});
