import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { needs } from '@fleetward/testkit';
import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { type Rig, startRig } from './broker-rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

describe('MQTT.js', () => {
  test('reads messages whose topic is an alias, and its own aliases are read', async () => {
    rig = await startRig();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${rig.port}`, {
      protocolVersion: 5,
      properties: { topicAliasMaximum: 2 },
      autoAssignTopicAlias: true,
      reconnectPeriod: 0,
    });
    try {
      const topics: string[] = [];
      const all = new Promise<void>((resolve) => {
        client.on('message', (topic) => {
          topics.push(topic);
          if (topics.length === 6) resolve();
        });
      });
      await client.subscribeAsync('#', { qos: 1 });
      const sent = [
        'a/long/topic/1',
        'a/long/topic/2',
        'a/long/topic/3',
        'a/long/topic/1',
        'a/long/topic/2',
        'short',
      ];
      for (const topic of sent) await client.publishAsync(topic, 'x', { qos: 1 });
      await all;
      expect(topics).toEqual(sent);
      expect(rig.broker.metrics()).toMatchObject({ protocolErrors: 0 });
    } finally {
      await client.endAsync(true);
    }
  });
});

needs('mosquitto_pub', 'mosquitto-clients').describe('mosquitto_pub and mosquitto_sub', () => {
  const common = (version: string) => ['-h', '127.0.0.1', '-p', String(rig.port), '-V', version, '-q', '1'];

  async function publish(version: string, ...more: readonly string[]): Promise<void> {
    const publisher = spawn('mosquitto_pub', [...common(version), ...more]);
    expect((await once(publisher, 'exit'))[0]).toBe(0);
  }

  test.each(['mqttv311', 'mqttv5'])('leave, read and take away retained messages on %s', async (version) => {
    rig = await startRig();
    await publish(version, '-r', '-t', 'a/1', '-m', 'one');
    await publish(version, '-r', '-t', 'a/2', '-m', 'two');
    await publish(version, '-r', '-n', '-t', 'a/1');
    const subscriber = spawn('mosquitto_sub', [...common(version), '-t', 'a/#', '-C', '1', '-F', '%t %p %r']);
    expect(await text(subscriber.stdout)).toBe('a/2 two 1\n');
  });

  test.each(['mqttv311', 'mqttv5'])('share a subscription on %s', async (version) => {
    let count = 0;
    let both: () => void = () => {};
    const areSubscribed = new Promise<void>((resolve) => {
      both = resolve;
    });
    const subscribed = (): void => {
      count++;
      if (count === 2) both();
    };
    rig = await startRig({ hooks: { subscribed } });
    const outputs = [1, 2].map(() =>
      text(spawn('mosquitto_sub', [...common(version), '-t', '$share/g/a/#', '-C', '2', '-F', '%p']).stdout),
    );
    await areSubscribed;
    for (const number of ['1', '2', '3', '4']) await publish(version, '-t', 'a/b', '-m', number);
    const received = (await Promise.all(outputs)).map((output) => output.trim().split('\n'));
    expect(received.flat().sort()).toEqual(['1', '2', '3', '4']);
  });
});
