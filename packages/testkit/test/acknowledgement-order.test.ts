import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Packet } from '@fleetward/mqtt';
import { needs, requireProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { Link } from '../src/kill/link.ts';
import { acknowledgedMessages } from './acknowledgement-trace.ts';

const main = join(import.meta.dirname, '../src/broker/main.ts');
const messages = 40;
const payloadOf = (packetId: number): string => `payload of ${String(packetId).padStart(5, '0')}.`;

needs('strace', 'strace').describe('the system calls of a broker under load', () => {
  test.for(['PUBACK', 'PUBREC'] as const)(
    '%s is written after the sync that covers its message',
    { timeout: 120_000 },
    async (name) => {
      const found = acknowledgedMessages(await traceOf(name, 'FULL'), payloadOf);
      expect(found.map(({ packetId }) => packetId)).toEqual(
        Array.from({ length: messages }, (_, index) => index + 1),
      );
      for (const { packetId, written, synced, acknowledged } of found) {
        expect(written, `message ${packetId} in the log`).toBeDefined();
        expect(synced, `sync after message ${packetId}`).toBeDefined();
        expect(synced).toBeLessThan(acknowledged);
      }
    },
  );

  test('without syncs that check fails', { timeout: 120_000 }, async () => {
    const found = acknowledgedMessages(await traceOf('PUBACK', 'OFF'), payloadOf);
    expect(found).toHaveLength(messages);
    expect(found.filter(({ synced, acknowledged }) => synced !== undefined && synced < acknowledged)).toEqual(
      [],
    );
  });
});

/** Runs the broker under strace (-D: the process here is the broker, not strace), with a persistent subscriber that is away, and publishes with eight messages in flight. */
async function traceOf(acknowledgement: 'PUBACK' | 'PUBREC', synchronous: 'FULL' | 'OFF'): Promise<string> {
  using folder = temporaryFolder();
  const trace = folder.join('trace');
  const calls = 'trace=write,writev,sendto,fdatasync,fsync,pwrite64';
  const strace = ['-D', '-f', '-y', '-xx', '-qq', '-s', '65536', '-e', calls, '-o', trace, process.execPath];
  const options = ['--port', '0', '--persist', folder.join('data'), '--synchronous', synchronous];
  const args = [...strace, '--conditions=fleetward-source', main, ...options];
  await using broker = startProgram(requireProgram('strace', 'strace'), args, { timeoutMs: 100_000 });
  const said = await broker.waitForOutput(/^listening\n/m);
  const port = Number(/^port (\d+)$/m.exec(said)?.[1]);
  await subscribeAndLeave(port);
  await publishAll(port, acknowledgement === 'PUBACK' ? 1 : 2);
  await broker.stop();
  return readFileSync(trace, 'utf8');
}

async function subscribeAndLeave(port: number): Promise<void> {
  const granted = Promise.withResolvers<Packet>();
  const link = await Link.open({ port, clientId: 'is-away', receive: granted.resolve });
  const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  link.send({ kind: 'subscribe', packetId: 1, subscriptions: [{ filter: '#', ...options }], properties: {} });
  expect(await granted.promise).toMatchObject({ kind: 'suback', reasonCodes: [2] });
  await link.end();
}

async function publishAll(port: number, qos: 1 | 2): Promise<void> {
  const done = Promise.withResolvers<void>();
  let [published, acknowledged] = [0, 0];
  const publish = (link: Link): void => {
    if (published === messages) return;
    const packetId = ++published;
    const payload = Buffer.from(payloadOf(packetId));
    link.send({
      kind: 'publish',
      topic: 't',
      payload,
      qos,
      dup: false,
      retain: false,
      packetId,
      properties: {},
    });
  };
  const link = await Link.open({
    port,
    clientId: 'publisher',
    receive: (_packet, from) => {
      publish(from);
      if (++acknowledged === messages) done.resolve();
    },
  });
  for (let count = 0; count < 8; count++) publish(link);
  await done.promise;
  await link.end();
}
