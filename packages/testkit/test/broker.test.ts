import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  mosquittoClients,
  needs,
  type RunningProgram,
  runProgram,
  startProgram,
  temporaryFolder,
} from '@fleetward/testkit';
import mqtt from 'mqtt';
import { expect, test } from 'vitest';

const main = join(import.meta.dirname, '../src/broker/main.ts');
const command = ['--conditions=fleetward-source', main];

async function start(...options: readonly string[]): Promise<{ broker: RunningProgram; port: number }> {
  const broker = startProgram(process.execPath, [...command, '--port', '0', ...options]);
  const said = await broker.waitForOutput(/^listening\n/m);
  return { broker, port: Number(/^port (\d+)$/m.exec(said)?.[1]) };
}

test('anybody may do anything under any client id, and SIGTERM ends it', async () => {
  const { broker, port } = await start();
  const connect = (clientId: string) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, protocolVersion: 5, reconnectPeriod: 0 });
  const [one, other] = [await connect('one'), await connect('other')];
  const received = new Promise((resolve) =>
    other.on('message', (topic, payload) => resolve([topic, payload.toString()])),
  );
  await other.subscribeAsync(['#', '$private/#'], { qos: 2 });
  await one.publishAsync('$private/topic', 'hello', { qos: 2 });
  expect(await received).toEqual(['$private/topic', 'hello']);
  await Promise.all([one.endAsync(), other.endAsync()]);
  expect(await broker.stop()).toMatchObject({ code: 0, stderr: '' });
});

test('the options are what clients meet', async () => {
  const { broker, port } = await start(
    ...['--deny-subscribe', 'test/nosubscribe', '--server-keep-alive', '60', '--topic-alias-max', '7'],
  );
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    keepalive: 120,
    reconnectPeriod: 0,
  });
  const connack = await new Promise((resolve) => client.once('connect', resolve));
  expect(connack).toMatchObject({ properties: { serverKeepAlive: 60, topicAliasMaximum: 7 } });
  await expect(client.subscribeAsync('test/nosubscribe')).rejects.toMatchObject({
    packet: { granted: [0x80] },
  });
  await client.subscribeAsync('test/subscribe');
  await client.endAsync();
  await broker.stop();
});

test.for([
  ['', 'port'],
  ['--port 70000', '70000'],
  ['--port 1883 --color', 'usage'],
  ['--port 1883 --plant nothing', 'early-acknowledgement'],
])('`%s` is refused with one line that says how it goes', async ([line = '', what = '']) => {
  const { code, stderr } = await runProgram(process.execPath, [
    ...command,
    ...line.split(' ').filter(Boolean),
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain(what);
  expect(stderr).toMatch(/^[^\n]*npm run testkit:broker[^\n]*\n$/);
});

needs('mosquitto_pub', 'mosquitto-clients').describe('mosquitto_pub and mosquitto_sub', () => {
  test('meet mutual TLS with the files it writes, and only with them', async () => {
    using folder = temporaryFolder();
    const { broker, port } = await start('--tls', folder.path);
    const authority = ['-h', 'localhost', '-p', String(port), '--cafile', folder.join('ca.crt')];
    const identity = ['--cert', folder.join('client.crt'), '--key', folder.join('client.key')];
    const clients = mosquittoClients([...authority, ...identity]);
    await using subscriber = clients.subscribe(['-t', '#', '-C', '1', '-d', '-q', '1']);
    await subscriber.waitForOutput(/Subscribed/);
    expect(await clients.publish(['-t', 'a/b', '-m', 'over TLS', '-q', '1'])).toMatchObject({ code: 0 });
    expect((await subscriber.outcome).stdout.toString()).toContain('over TLS');
    const stranger = await mosquittoClients(authority).publish(['-t', 'a', '-m', 'x', '-q', '1']);
    expect(stranger.code).not.toBe(0);
    expect(statSync(folder.join('server.key')).mode & 0o777).toBe(0o600);
    await broker.stop();
  });

  test('find after a kill -9 what was acknowledged before, with a folder that persists', async () => {
    using folder = temporaryFolder();
    const first = await start('--persist', folder.path);
    const before = mosquittoClients(['-p', String(first.port)]);
    const session = ['-i', 'comes-back', '-c', '-q', '2', '-t', 'a/#'];
    await before.subscribe([...session, '-E']).outcome;
    for (const qos of ['1', '2'])
      expect(await before.publish(['-t', `a/${qos}`, '-m', `qos ${qos}`, '-q', qos])).toMatchObject({
        code: 0,
      });
    first.broker.kill('SIGKILL');
    await first.broker.outcome;
    const second = await start('--persist', folder.path);
    const after = mosquittoClients(['-p', String(second.port)]).subscribe([...session, '-C', '2']);
    expect((await after.outcome).stdout.toString()).toBe('qos 1\nqos 2\n');
    await second.broker.stop();
  });
});
