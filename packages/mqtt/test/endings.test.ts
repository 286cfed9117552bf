import { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type BrokerHooks, encodePacket, REASON } from '../src/index.ts';
import {
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';
import { hex } from './bytes.ts';

let rig: Rig;
afterEach(() => rig.stop());

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function broken(): never {
  throw new Error('broken');
}

type End = (client: RawClient) => unknown;

/** Every way a connection ends, and the reason its owner hears. */
const endings: readonly (readonly [string, string, End])[] = [
  [
    'a normal DISCONNECT',
    'CLIENT_INITIATED_DISCONNECT',
    (client) => client.send({ kind: 'disconnect', reasonCode: 0, properties: {} }),
  ],
  [
    'a DISCONNECT that asks for the will',
    'CLIENT_INITIATED_DISCONNECT',
    (client) => client.send({ kind: 'disconnect', reasonCode: 4, properties: {} }),
  ],
  ['a reset of the socket', 'CONNECTION_LOST', (client) => client.socket.resetAndDestroy()],
  ['the end of the stream', 'CONNECTION_LOST', (client) => client.socket.end()],
  ['silence', 'MQTT_KEEP_ALIVE_TIMEOUT', () => rig.advance(15_250)],
  ['a take-over', 'DUPLICATE_CLIENTID', () => connected(rig, 5, { clientId: 'hostile', will })],
  ['the platform', 'API_INITIATED_DISCONNECT', () => rig.broker.get('hostile')?.disconnect(REASON.banned)],
  ['a protocol error', 'CLIENT_ERROR', (client) => client.send(connectPacket(5))],
  ['bytes that are no packet', 'CLIENT_ERROR', (client) => client.socket.write(hex('00 00'))],
  [
    'a message not allowed',
    'CLIENT_ERROR',
    (client) => client.send(publishPacket({ properties: { subscriptionIdentifiers: [1] } })),
  ],
  ['not keeping up with another client', 'THROTTLED', (client) => flood(client)],
  ['not keeping up with the platform', 'THROTTLED', (client) => floodByPlatform(client)],
];

const will = { topic: '$x/w', payload: Buffer.from('x'), qos: 0, retain: false, properties: {} } as const;
const small = { inflightOutMax: 1, pendingMessagesMax: 1 };

async function flood(client: RawClient): Promise<void> {
  client.send(subscribePacket('flood', 1));
  await client.next();
  const publisher = await connected(rig, 4, { clientId: 'publisher' });
  for (let packetId = 1; packetId < 5; packetId++)
    publisher.send(publishPacket({ topic: 'flood', qos: 1, packetId }));
  for (let packetId = 1; packetId < 5; packetId++)
    expect(await publisher.next()).toMatchObject({ kind: 'puback', packetId });
}

async function floodByPlatform(client: RawClient): Promise<void> {
  client.send(subscribePacket('flood', 1));
  await client.next();
  for (let count = 0; count < 5; count++) rig.broker.publish('flood', Buffer.from('x'), { qos: 1 });
}

/** A broker whose every listening hook throws, the calls of `disconnected` written down. */
async function startBrokenRig(hooks: Partial<BrokerHooks<string>> = {}): Promise<string[]> {
  const heard: string[] = [];
  rig = await startRig({
    limits: small,
    hooks: {
      limited: broken,
      reserved: broken,
      disconnected: (connection, reason) => {
        heard.push(`${reason} ${connection.clientId}`);
        throw new Error('broken');
      },
      ...hooks,
    },
  });
  return heard;
}

describe('a connection ended by', () => {
  test.each(endings)(
    '%s costs only itself, though its will and every hook throw',
    async (_name, reason, end) => {
      const heard = await startBrokenRig();
      const bystander = await subscribed(rig, 4, { id: 'bystander', filter: '#' });
      const client = await connected(rig, 5, { clientId: 'hostile', will, keepAliveSeconds: 10 });
      await end(client);
      await until(() => heard.length > 0);
      expect(heard).toEqual([`${reason} hostile`]);
      await until(() => client.isEnded || client.socket.readableEnded);
      bystander.send({ kind: 'pingreq' });
      const answers = [await bystander.next()];
      while (answers.at(-1) !== 'end' && (answers.at(-1) as { kind: string }).kind === 'publish')
        answers.push(await bystander.next());
      expect(answers.at(-1)).toEqual({ kind: 'pingresp' });
    },
  );

  test('its own stream before it was accepted is not kept', async () => {
    rig = await startRig();
    const stream = new Duplex({ read: () => {} }).destroy();
    await until(() => stream.closed);
    rig.broker.accept(stream, 'peer');
    expect(rig.broker.metrics().connections).toBe(0);
  });

  test('a stream that throws is heard of', async () => {
    const heard = await startBrokenRig();
    const stream = new Duplex({ read: () => {}, write: broken });
    rig.broker.accept(stream, 'peer');
    stream.push(encodePacket(connectPacket(5, { clientId: 'hostile', will }), 5));
    await until(() => heard.length > 0 && stream.closed);
    expect(heard).toEqual(['SERVER_ERROR hostile']);
    expect(rig.broker.metrics().connections).toBe(0);
  });

  test('the end of the broker is heard of once each, though the hook throws', async () => {
    const heard = await startBrokenRig();
    await connected(rig, 5, { clientId: 'one', will });
    await connected(rig, 4, { clientId: 'two', will });
    await rig.broker.close();
    expect(heard.sort()).toEqual(['SERVER_INITIATED_DISCONNECT one', 'SERVER_INITIATED_DISCONNECT two']);
    expect(rig.broker.metrics().connections).toBe(0);
  });
});

describe('a hook that throws', () => {
  const thrown = new Error('broken');
  const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(value)));
  const access = { mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true };

  test.each([
    ['at once', () => ({ kind: 'accept', access }) as const],
    ['later', () => later({ kind: 'accept', access } as const)],
  ])('on `connected` ends that connection, decided %s', async (_name, connect) => {
    const heard = await startBrokenRig({
      connect,
      connected: ({ clientId }) => {
        if (clientId === 'hostile') throw thrown;
      },
    });
    const client = new RawClient(rig.port, 5);
    client.send(connectPacket(5, { clientId: 'hostile', will }));
    await until(() => client.isEnded);
    expect(heard).toEqual(['SERVER_ERROR hostile']);
    await connected(rig, 5, { clientId: 'other' });
  });

  test.each([
    ['no verdict', () => undefined as never],
    ['no verdict later', () => later(undefined as never)],
    ['a reason CONNACK cannot carry', () => ({ kind: 'refuse', reasonCode: 1 }) as const],
    ['such a reason later', () => later({ kind: 'refuse', reasonCode: 1 } as const)],
  ])('or gives %s refuses the CONNECT and no more', async (_name, connect) => {
    const heard = await startBrokenRig({ connect });
    const client = new RawClient(rig.port, 5);
    client.send(connectPacket(5));
    await until(() => client.isEnded);
    expect(heard).toEqual([]);
    expect(rig.broker.metrics().connectsAccepted).toBe(0);
  });

  test.each(['subscribed', 'unsubscribed'] as const)('on `%s` ends that connection', async (hook) => {
    const heard = await startBrokenRig({ [hook]: broken });
    const client = await connected(rig, 5, { clientId: 'hostile', will });
    client.send(subscribePacket('a'), { kind: 'unsubscribe', packetId: 8, filters: ['a'], properties: {} });
    await until(() => client.isEnded);
    expect(heard).toEqual(['SERVER_ERROR hostile']);
    expect(rig.broker.metrics().subscriptions).toBe(0);
  });

  test('on `reserved` ends the publisher and routes nothing', async () => {
    const heard = await startBrokenRig();
    await subscribed(rig, 4, { id: 'reader', filter: '$x/#' });
    const client = await connected(rig, 5, { clientId: 'hostile' });
    client.send(publishPacket({ topic: '$x/y' }));
    await until(() => heard.length > 0);
    expect(heard).toEqual(['SERVER_ERROR hostile']);
    expect(rig.broker.metrics().messagesSent).toBe(0);
  });

  test('on `published` ends the publisher and routes nothing', async () => {
    const heard = await startBrokenRig({ published: broken });
    await subscribed(rig, 4, { id: 'reader', filter: '#' });
    const client = await connected(rig, 5, { clientId: 'hostile' });
    client.send(publishPacket({ topic: 'a/b' }));
    await until(() => heard.length > 0);
    expect(heard).toEqual(['SERVER_ERROR hostile']);
    expect(rig.broker.metrics().messagesSent).toBe(0);
  });

  test.each([
    ['the rate of its messages', { messagesPerSecondMax: 1 }, 'readsPaused'],
    ['the number of its connections', { connectionsMax: 1 }, 'connectionsOverLimit'],
    ['the time for its CONNECT', { connectTimeoutMs: 250 }, 'connectTimeouts'],
  ] as const)('on `limited` for %s changes nothing', async (_name, limits, metric) => {
    rig = await startRig({ limits, hooks: { limited: broken } });
    const client = await connected(rig, 4);
    const second = new RawClient(rig.port, 4);
    for (let count = 0; count < 3; count++) client.send({ kind: 'pingreq' });
    await until(() => rig.broker.metrics().bytesReceived >= 6);
    await until(() => rig.broker.metrics().connections === 2 || second.isEnded);
    rig.advance(750);
    await until(() => rig.broker.metrics()[metric] > 0);
    expect(await client.next()).toEqual({ kind: 'pingresp' });
  });

  test('is told to `failed` and counted', async () => {
    const failures: unknown[] = [];
    rig = await startRig({
      hooks: {
        disconnected: () => {
          throw thrown;
        },
        failed: (connection, error) => {
          failures.push(connection?.clientId, error);
          throw new Error('broken too');
        },
      },
    });
    const client = await connected(rig, 4);
    client.socket.destroy();
    await until(() => rig.broker.metrics().faults > 0);
    expect(failures).toEqual(['device-1', thrown]);
  });
});

describe('what a peer did wrong', () => {
  test('is told in words, before CONNACK and after, and counted; a refused client id apart', async () => {
    const told: string[] = [];
    rig = await startRig({
      hooks: {
        violated: ({ clientId }, why) => void told.push(`${clientId}: ${why}`),
        clientIdRefused: (_, clientId) => void told.push(`refused ${clientId}`),
      },
    });
    const stranger = new RawClient(rig.port, 4);
    stranger.send({ kind: 'pingreq' });
    expect(await stranger.next()).toBe('end');
    const misnamed = new RawClient(rig.port, 5);
    misnamed.send(connectPacket(5, { clientId: '$x' }));
    expect(await misnamed.next()).toMatchObject({ reasonCode: REASON.clientIdentifierNotValid });
    const client = await connected(rig, 5);
    client.send(connectPacket(5));
    await client.next();
    expect(told).toEqual([': the first packet is not CONNECT', 'refused $x', 'device-1: a second CONNECT']);
    expect(rig.broker.metrics()).toMatchObject({ protocolErrors: 2, connectsRefused: 1 });
  });
});

describe('a will', () => {
  const limits = { topicLevelsMax: 4, topicBytesMax: 20 };
  test.each([
    ['levels', 'a/b/c/d/e'],
    ['bytes', `a/${'ä'.repeat(10)}`],
  ])('with more %s than a topic may have is refused with its CONNECT', async (_name, topic) => {
    rig = await startRig({ limits });
    for (const version of [4, 5] as const) {
      const client = new RawClient(rig.port, version);
      client.send(connectPacket(version, { will: { ...will, topic } }));
      const answer = await client.next();
      if (version === 4) expect(answer).toBe('end');
      else expect(answer).toMatchObject({ kind: 'connack', reasonCode: REASON.topicNameInvalid });
    }
    expect(rig.events).toEqual([]);
    await connected(rig, 5, { will: { ...will, topic: 'a/b/c/d' } });
  });

  test('to a reserved topic is not routed when the owner deals with it', async () => {
    const seen: string[] = [];
    rig = await startRig({
      hooks: {
        reserved: ({ clientId }, { topic, payload, qos }) => {
          seen.push(`${clientId} ${topic} ${Buffer.from(payload)} ${qos}`);
          return topic === '$x/w';
        },
      },
    });
    const reader = await subscribed(rig, 4, { id: 'reader', filter: '$x/#' });
    for (const topic of ['$x/w', '$x/v']) {
      const client = await connected(rig, 4, { clientId: 'writer', will: { ...will, topic } });
      client.socket.destroy();
      await until(() => rig.broker.get('writer') === undefined);
    }
    expect(seen).toEqual(['writer $x/w x 0', 'writer $x/v x 0']);
    expect(await reader.next()).toMatchObject({ kind: 'publish', topic: '$x/v' });
    expect(rig.broker.metrics()).toMatchObject({ willsPublished: 1, willsDenied: 1 });
  });

  test('that cuts consumers with wills that cut consumers does not go deeper with each', async () => {
    rig = await startRig({ limits: small });
    const count = 30;
    let deepest = 0;
    const ids = Array.from({ length: count }, (_, index) => `c${index}`);
    const depth = (): number => new Error().stack?.split('\n').length ?? 0;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 10_000;
    try {
      for (const clientId of ids) {
        const client = await connected(rig, 4, { clientId, will: { ...will, topic: 'all', qos: 1 } });
        client.send(subscribePacket('all', 1));
        await client.next();
      }
      const access = {
        mayPublish: () => true,
        maySubscribe: () => true,
        mayReceive: () => {
          deepest = Math.max(deepest, depth());
          return true;
        },
      };
      for (const connection of rig.broker.connections()) connection.replaceAccess(access);
      for (let sent = 0; sent < 3; sent++) rig.broker.publish('all', Buffer.from('x'), { qos: 1 });
    } finally {
      Error.stackTraceLimit = limit;
    }
    expect([...rig.broker.connections()]).toEqual([]);
    expect(rig.broker.metrics().willsPublished).toBe(count);
    expect(deepest).toBeLessThan(100);
  });
});
