import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPolicy, getMetrics, listDenials, listTrail } from '@fleetward/protocol';
import { needsRoot } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { onSmallDisk } from './small-disk.ts';

const everything = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
};

function fill(disk: string): () => void {
  const { bavail, bsize } = statfsSync(disk);
  const filler = join(disk, 'filler');
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return () => rmSync(filler);
}

needsRoot().describe('on a small disk', () => {
  test('a disk that fills up loses nothing that was acknowledged, refuses QoS 1 and 2, and is written again when it has room', async () => {
    await onSmallDisk(24, async (disk) => {
      await using platform = await startTestPlatform();
      const policy = { policyName: 'everything', document: JSON.stringify(everything) };
      await platform.api.call(createPolicy, { body: policy });
      const [pump, sensor, valve] = [
        await platform.enrol('pump', { policies: [policy.policyName] }),
        await platform.enrol('sensor', { policies: [policy.policyName] }),
        await platform.enrol('valve', { policies: [policy.policyName] }),
      ];
      const connect = (device: TestDevice, texts: string[] = []): Promise<MqttClient> => {
        const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
          clientId: device.thingName,
          key: device.key,
          cert: device.cert,
          ca: platform.rootPem,
          reconnectPeriod: 0,
          protocolVersion: 5,
          clean: false,
          properties: { sessionExpiryInterval: 3_600 },
        });
        client.on('message', (_topic, payload) => texts.push(String(payload).slice(0, 8).trim()));
        client.on('error', () => undefined);
        return new Promise((resolve) => client.once('connect', () => resolve(client)));
      };
      const isFull = async (): Promise<boolean> => {
        const text = Buffer.from(await platform.api.call(getMetrics, {})).toString();
        return /^fleetward_mqtt\{counter="diskFull"\} 1$/m.test(text);
      };
      const first = await connect(pump);
      await first.subscribeAsync('t', { qos: 2 });
      await first.endAsync();

      const sender = await connect(sensor);
      const acknowledged: string[] = [];
      const send = async (number: number, qos: 1 | 2): Promise<void> => {
        const text = String(number).padEnd(8);
        await sender.publishAsync('t', text + 'x'.repeat(50_000), { qos });
        acknowledged.push(text.trim());
      };
      await send(0, 1);
      const makeRoom = fill(disk);
      const sending: Promise<void>[] = [];
      while (!(await isFull())) sending.push(send(sending.length + 1, sending.length % 2 === 0 ? 1 : 2));
      // These wait for the disk; whoever comes now is refused at once, unless nothing need be kept.
      const other = await connect(valve);
      for (const qos of [1, 2] as const)
        await expect(other.publishAsync('t', 'x', { qos })).rejects.toMatchObject({ code: 0x97 });
      await other.publishAsync('nobody', 'to nobody', { qos: 1 });
      const { denials } = await platform.api.call(listDenials, { query: { cause: 'limit' } });
      expect(denials[0]?.explanation).toMatch(/the disk of `messages.db` is full: make room/);

      makeRoom();
      await Promise.allSettled(sending);
      await expect.poll(isFull, { timeout: 20_000 }).toBe(false);
      await send(1_000, 2);
      expect(acknowledged).toContain('1000');
      for (const client of [sender, other]) await client.endAsync();

      await platform.restart();
      const received: string[] = [];
      const back = await connect(pump, received);
      await expect
        .poll(() => received.length, { timeout: 20_000 })
        .toBeGreaterThanOrEqual(acknowledged.length);
      expect(new Set(received)).toEqual(new Set(acknowledged));
      await back.endAsync();
      const { entries } = await platform.api.call(listTrail, { query: { limit: 1_000 } });
      const told = entries.filter(({ payload = '' }) =>
        payload.includes('the disk of `messages.db` is full'),
      );
      expect(told.map(({ entry }) => entry.kind)).toContain('limits.aggregated');
    });
  });
});
