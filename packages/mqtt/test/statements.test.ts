import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Packet } from '../src/index.ts';
import { DeliveryQueue, packetIdOf } from '../src/session/delivery-queue.ts';
import {
  allowAll,
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';

const conformance = join(import.meta.dirname, '../../../conformance');
const page = readFileSync(join(conformance, 'mqtt-statements.md'), 'utf8');
const [, first = '', second = ''] = page.split(/^## MQTT .*$/m);

describe('the page of the normative statements', () => {
  test.each([
    ['MQTT 3.1.1', first, 144, []],
    ['MQTT 5.0', second, 251, ['2.2.1-1']],
  ] as const)('has every number of %s once', (_name, part, count, absent) => {
    const cells = [...part.matchAll(/^\| (\d[^|]*) \|/gm)].map(([, cell = '']) => cell);
    const clients = /Concern clients only: ([^a-zA-Z]*\d)/.exec(part)?.[1] ?? '';
    const numbers = [...cells, clients].flatMap((cell) => cell.split(',').map((number) => number.trim()));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers).toHaveLength(count);
    const known = new Set<string>([...numbers, ...absent]);
    for (const number of numbers) {
      const [section = '', last = ''] = number.split('-');
      for (let each = 1; each < Number(last); each++) expect(known).toContain(`${section}-${each}`);
    }
  });

  test('names files that exist and tests of that title', () => {
    const links = [...page.matchAll(/\]\(\.\.\/([^ )]+)(?: "([^"]*)")?\)/g)];
    expect(links.length).toBeGreaterThan(200);
    for (const [, file = '', title] of links) {
      const path = join(conformance, '..', file);
      expect(existsSync(path) ? '' : file).toBe('');
      if (title !== undefined && !readFileSync(path, 'utf8').includes(title)) expect(file).toBe(title);
    }
  });
});

let rig: Rig | undefined;
afterEach(() => rig?.stop());

const ack = (kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): Packet => ({
  kind,
  packetId,
  reasonCode: 0,
  properties: {},
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the broker', () => {
  const message = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 50,
    contentType: 'text/plain',
    responseTopic: 'a/reply',
    correlationData: Buffer.from([0, 255, 1]),
    userProperties: [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['', ''],
    ],
  } as const;

  test('passes on unaltered what a message says: at once, kept, retained and as a will (MQTT5-3.3.2-4, -15 to -20; MQTT5-3.1.3-10)', async () => {
    const own = await startRig();
    rig = own;
    const kept = { clientId: 's', cleanStart: false, properties: { sessionExpiryInterval: 99 } };
    const reader = await connected(own, 5, kept);
    reader.send(subscribePacket('#', 2));
    await reader.next();
    const will = {
      topic: 'w',
      payload: Buffer.from('\xff', 'latin1'),
      qos: 1,
      retain: true,
      properties: message,
    } as const;
    const sender = await connected(own, 5, { clientId: 'p', will });
    const payload = Buffer.from([0, 1, 254]);
    for (const qos of [0, 1, 2] as const) {
      const id = qos === 0 ? {} : { packetId: 1 + qos };
      sender.send(publishPacket({ payload, qos, properties: message, ...id }));
      const got = await reader.next();
      expect(got).toMatchObject({ payload, qos, properties: message });
      if (got !== 'end' && got.kind === 'publish' && got.packetId !== undefined)
        reader.send(ack(qos === 1 ? 'puback' : 'pubrec', got.packetId));
    }
    expect(await reader.next()).toMatchObject({ kind: 'pubrel' });
    reader.socket.destroy();
    await until(() => own.broker.get('s') === undefined);
    sender.socket.destroy();
    await until(() => own.broker.metrics().willsPublished === 1);
    const again = await connected(own, 5, kept);
    expect(await again.next()).toMatchObject({ kind: 'pubrel' });
    expect(await again.next()).toMatchObject({ topic: 'w', payload: will.payload, properties: message });
    const late = await subscribed(own, 5, { id: 'late', filter: 'w', qos: 1 });
    expect(await late.next()).toMatchObject({ topic: 'w', retain: true, properties: message });
  });

  test.each([
    {},
    { requestProblemInformation: false, requestResponseInformation: false },
    { requestProblemInformation: true, requestResponseInformation: true },
  ])(
    'gives no response information, reason string or user property, asked with %j (MQTT5-3.1.2-28, -29)',
    async (properties) => {
      rig = await startRig({
        access: {
          ...allowAll,
          mayPublish: (topic) => topic !== 'no',
          maySubscribe: (filter) => filter !== 'no',
        },
      });
      const client = new RawClient(rig.port, 5);
      client.send(connectPacket(5, { properties }));
      const connack = await client.next();
      if (connack === 'end' || connack.kind !== 'connack') throw new TypeError('no CONNACK');
      for (const name of ['responseInformation', 'reasonString', 'userProperties'])
        expect(connack.properties).not.toHaveProperty(name);
      client.send(
        publishPacket({ topic: 'no', qos: 1, packetId: 1 }),
        publishPacket({ topic: 'no', qos: 2, packetId: 2 }),
        ack('pubrel', 9),
        subscribePacket('no'),
        { kind: 'unsubscribe', packetId: 3, filters: ['no'], properties: {} },
      );
      for (const kind of ['puback', 'pubrec', 'pubcomp', 'suback', 'unsuback'])
        expect(await client.next()).toMatchObject({ kind, properties: {} });
      client.send(publishPacket({ topic: 'no' }));
      expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x87, properties: {} });
    },
  );

  test('gives packet identifiers that are unused, and never 0 (MQTT-2.3.1-1, MQTT5-2.2.1-4)', () => {
    const queue = new DeliveryQueue();
    const fields = {
      qos: 1,
      retain: false,
      shareName: undefined,
      identifiers: [],
      message: undefined,
      batch: 0,
    } as const;
    const held = queue.push(fields);
    const inUse = new Set([packetIdOf(held.seq)]);
    for (let count = 0; count < 70_000 && queue.isInSpan(queue.lastSeq + 1); count++) {
      const packetId = packetIdOf(queue.push(fields).seq);
      expect(packetId > 0 && packetId <= 0xffff && !inUse.has(packetId)).toBe(true);
      inUse.add(packetId);
    }
    expect(inUse.size).toBe(0xffff - 1);
    expect(queue.withPacketId(packetIdOf(held.seq))).toBe(held);
  });

  test('takes no AUTH and sends none (MQTT5-4.12.0-6)', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    client.send({ kind: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'x' } });
    expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x82 });
    expect(await client.next()).toBe('end');
  });

  test.each([4, 5] as const)(
    'answers an UNSUBSCRIBE once on level %i, whatever was there (MQTT-3.10.4-4 to -6)',
    async (level) => {
      rig = await startRig();
      const client = await subscribed(rig, level, { id: 'c', filter: 'a/+' });
      client.send(
        { kind: 'unsubscribe', packetId: 5, filters: ['a/b', 'a/+', 'a/+'], properties: {} },
        { kind: 'pingreq' },
      );
      const reasonCodes = level === 5 ? [0x11, 0, 0x11] : [];
      expect(await client.next()).toMatchObject({ kind: 'unsuback', packetId: 5, reasonCodes });
      expect(await client.next()).toEqual({ kind: 'pingresp' });
      expect(rig.broker.metrics()).toMatchObject({ subscriptions: 0 });
    },
  );

  test.each([4, 5] as const)(
    'completes what it began to deliver before an UNSUBSCRIBE on level %i (MQTT-3.10.4-3)',
    async (level) => {
      rig = await startRig();
      const publisher = await connected(rig, level, { clientId: 'p' });
      const client = await connected(rig, level, { clientId: 'c' });
      client.send(subscribePacket('a/b', 2));
      await client.next();
      publisher.send(publishPacket({ qos: 2, packetId: 1 }));
      const got = await client.next();
      const packetId = got !== 'end' && got.kind === 'publish' ? (got.packetId ?? 0) : 0;
      client.send(
        { kind: 'unsubscribe', packetId: 5, filters: ['a/b'], properties: {} },
        ack('pubrec', packetId),
      );
      expect(await client.next()).toMatchObject({ kind: 'unsuback' });
      expect(await client.next()).toMatchObject({ kind: 'pubrel', packetId });
      client.send(ack('pubcomp', packetId), { kind: 'pingreq' });
      expect(await client.next()).toEqual({ kind: 'pingresp' });
    },
  );

  test.each([4, 5] as const)(
    'takes names as they are on level %i: not normalised, nothing stripped (MQTT-4.7.3-4, MQTT-1.5.3-3)',
    async (level) => {
      rig = await startRig();
      const composed = 'caf\u00e9';
      const client = await subscribed(rig, level, { id: 'c', filter: composed });
      const other = await connected(rig, level, { clientId: 'o' });
      other.send(subscribePacket('\ufeffx'));
      await other.next();
      for (const topic of ['cafe\u0301', 'CAF\u00c9', `\ufeff${composed}`, composed, 'x', '\ufeffx'])
        rig.broker.publish(topic, Buffer.from('1'), { qos: 0 });
      expect(await client.next()).toMatchObject({ topic: composed });
      expect(await other.next()).toMatchObject({ topic: '\ufeffx' });
      for (const each of [client, other]) {
        each.send({ kind: 'pingreq' });
        expect(await each.next()).toEqual({ kind: 'pingresp' });
      }
    },
  );

  test('does not send the will of a client that is back before its delay has passed (MQTT5-3.1.3-9)', async () => {
    const own = await startRig();
    rig = own;
    const watcher = await subscribed(own, 5, { id: 'watcher', filter: 'w' });
    const will = {
      topic: 'w',
      payload: Buffer.from('x'),
      qos: 0,
      retain: false,
      properties: { willDelayInterval: 5 },
    } as const;
    const options = { clientId: 'c', cleanStart: false, properties: { sessionExpiryInterval: 99 }, will };
    const lose = async (client: RawClient): Promise<void> => {
      client.socket.destroy();
      await until(() => own.broker.get('c') === undefined);
    };
    await lose(await connected(own, 5, options));
    own.advance(4_000);
    const back = await connected(own, 5, options);
    own.advance(4_000);
    expect(own.broker.metrics()).toMatchObject({ willsPublished: 0 });
    await lose(back);
    own.advance(6_000);
    expect(await watcher.next()).toMatchObject({ kind: 'publish', topic: 'w' });
  });
});
