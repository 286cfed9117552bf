import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StartedBroker, startBroker } from '../src/broker/start-broker.ts';

// What the public suites for brokers look at (Eclipse Paho's interoperability tests, Mosquitto's, EMQX's, VerneMQ's), in words of our own and
// over a codec that is not ours, against the broker they would be pointed at.

let broker: StartedBroker;
beforeAll(async () => {
  broker = await startBroker({
    port: 0,
    tls: undefined,
    persist: undefined,
    denySubscribe: 'test/nosubscribe',
    serverKeepAliveSeconds: 60,
    topicAliasMax: 2,
    synchronous: 'FULL',
    plant: undefined,
  });
});
afterAll(() => broker.stop());

type Version = 4 | 5;
type Received = Packet & Readonly<Record<string, unknown>>;

class Client {
  readonly version: Version;
  readonly socket: Socket;
  readonly #received: (Received | 'end')[] = [];
  #wake: () => void = () => {};

  constructor(version: Version) {
    this.version = version;
    this.socket = connect(broker.port, '127.0.0.1');
    const reader = parser({ protocolVersion: version });
    reader.on('packet', (packet) => this.#take(packet as Received));
    this.socket.on('data', (chunk) => reader.parse(chunk));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => this.#take('end'));
  }

  send(...packets: readonly object[]): this {
    for (const packet of packets)
      this.socket.write(generate(packet as Packet, { protocolVersion: this.version }));
    return this;
  }

  async next(): Promise<Received | 'end'> {
    while (this.#received.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#received.shift() ?? 'end';
  }

  /** All that is answered before a PINGRESP: of what may come, all has come. */
  async untilQuiet(): Promise<readonly Received[]> {
    const packets: Received[] = [];
    for (let rounds = 0; rounds < 3; rounds++) {
      this.send({ cmd: 'pingreq' });
      for (let next = await this.next(); next !== 'end' && next.cmd !== 'pingresp'; next = await this.next())
        packets.push(next);
    }
    return packets;
  }

  #take(packet: Received | 'end'): void {
    this.#received.push(packet);
    this.#wake();
  }
}

let count = 0;

function connectPacket(version: Version, fields: object = {}): object {
  const name = { protocolId: 'MQTT', protocolVersion: version };
  return { cmd: 'connect', ...name, clientId: `client-${++count}`, clean: true, keepalive: 60, ...fields };
}

async function join(version: Version, fields: object = {}): Promise<{ client: Client; connack: Received }> {
  const client = new Client(version).send(connectPacket(version, fields));
  const connack = await client.next();
  if (connack === 'end') throw new Error('no CONNACK');
  return { client, connack };
}

async function leave(client: Client, properties?: object): Promise<void> {
  client.send({ cmd: 'disconnect', reasonCode: 0, ...(properties === undefined ? {} : { properties }) });
  while ((await client.next()) !== 'end');
}

const subscribe = (topic: string, options: object = {}, properties?: object): object => ({
  cmd: 'subscribe',
  messageId: 900 + ++count,
  subscriptions: [{ topic, qos: 2, nl: false, rap: false, rh: 0, ...options }],
  ...(properties === undefined ? {} : { properties }),
});
const publish = (topic: string, qos: 0 | 1 | 2, fields: object = {}): object => ({
  cmd: 'publish',
  topic,
  payload: `qos ${qos}`,
  qos,
  ...(qos === 0 ? {} : { messageId: qos }),
  ...fields,
});
const kept = (version: Version, seconds = 100): object =>
  version === 5 ? { clean: false, properties: { sessionExpiryInterval: seconds } } : { clean: false };
const published = (packets: readonly Received[]) => packets.filter(({ cmd }) => cmd === 'publish');

describe.each([4, 5] as const)('on level %i', (version) => {
  const codeOf = (packet: Received | 'end'): unknown =>
    packet !== 'end' && (version === 5 ? packet.reasonCode : packet.returnCode);

  test('a second CONNECT ends the connection, and so does another protocol name', async () => {
    const { client } = await join(version);
    client.send(connectPacket(version));
    let last: Received | 'end' = await client.next();
    if (last !== 'end') expect(last).toMatchObject({ cmd: 'disconnect', reasonCode: 0x82 });
    while (last !== 'end') last = await client.next();
    const stranger = new Client(version);
    const bytes = generate(connectPacket(version) as Packet);
    stranger.socket.write(bytes.fill('h', 4, 6));
    const answer = await stranger.next(); // it may be told why
    if (answer !== 'end') expect(codeOf(answer)).toBe(1);
    if (answer !== 'end') expect(await stranger.next()).toBe('end');
  });

  test('a client without a name is given one, but on 3.1.1 not with a session to keep', async () => {
    expect(codeOf((await join(version, { clientId: '' })).connack)).toBe(0);
    const client = new Client(version);
    const bytes = generate(connectPacket(version, { clientId: '' }) as Packet);
    bytes[9] = bytes[9]! & ~0x02; // Clean Session, or Clean Start
    client.socket.write(bytes);
    expect(codeOf(await client.next())).toBe(version === 4 ? 2 : 0);
    if (version === 4) expect(await client.next()).toBe('end');
  });

  test('a session that was kept is gone after a clean one in between', async () => {
    const who = { clientId: `flip-${version}` };
    const presence: unknown[] = [];
    for (const how of [kept(version), kept(version), {}, kept(version), kept(version)]) {
      const { client, connack } = await join(version, { ...how, ...who });
      presence.push(connack.sessionPresent);
      client.send(subscribe('flip/#'));
      await client.next();
      await leave(client);
    }
    expect(presence).toEqual([false, true, false, false, true]);
  });

  test('what a client did not acknowledge comes again on its return, its own messages too', async () => {
    const who = { clientId: `again-${version}`, ...kept(version) };
    const { client } = await join(version, who);
    client.send(subscribe(`again/${version}/#`));
    client.send(publish(`again/${version}/a`, 1), publish(`again/${version}/b`, 2));
    await client.untilQuiet();
    await leave(client);
    const back = await join(version, who);
    expect(back.connack.sessionPresent).toBe(true);
    expect(published(await back.client.untilQuiet())).toMatchObject([
      { topic: `again/${version}/a`, qos: 1, dup: true },
      { topic: `again/${version}/b`, qos: 2, dup: true },
    ]);
  });

  test('is told with 0x80 what it may not subscribe to, and subscribed to the rest', async () => {
    const { client } = await join(version);
    const subscriptions = ['test/nosubscribe', 'test/other'].map((topic) => ({ topic, qos: 1 }));
    client.send({ cmd: 'subscribe', messageId: 5, subscriptions });
    expect(await client.next()).toMatchObject({ cmd: 'suback', messageId: 5, granted: [0x80, 1] });
  });

  test('a will without a payload is sent; one without a topic, or to a wildcard, is refused', async () => {
    const watcher = await join(version);
    watcher.client.send(subscribe(`gone/${version}`));
    await watcher.client.next();
    const will = { topic: `gone/${version}`, payload: Buffer.alloc(0), qos: 1, retain: false };
    const { client } = await join(version, { will });
    client.socket.destroy();
    expect(await watcher.client.next()).toMatchObject({ topic: `gone/${version}`, payload: Buffer.alloc(0) });
    const valid = generate(connectPacket(version, { will: { ...will, topic: '?' } }) as Packet);
    for (const byte of ['#', '+', '\0']) {
      const other = new Client(version);
      const bytes = Buffer.from(valid);
      bytes[bytes.lastIndexOf('?')] = byte.charCodeAt(0);
      other.socket.write(bytes);
      expect(await other.next()).toBe('end');
    }
  });

  test.each(['a/#', 'a/+', '+', '#'])('a message to %s ends the connection', async (topic) => {
    const { client } = await join(version);
    const bytes = generate(publish('a'.repeat(topic.length), 1) as Packet, { protocolVersion: version });
    client.socket.write(
      Buffer.from(bytes.toString('latin1').replace('a'.repeat(topic.length), topic), 'latin1'),
    );
    const answer = await client.next();
    if (version === 5) expect(answer).toMatchObject({ cmd: 'disconnect', reasonCode: 0x90 });
    else expect(answer).toBe('end');
  });

  test('wildcards match as the suites have it', async () => {
    const cases: readonly [string, string, boolean][] = [
      ['foo/bar', 'foo/bar', true],
      ['foo/+', 'foo/bar', true],
      ['foo/+/baz', 'foo/bar/baz', true],
      ['foo/+/#', 'foo/bar/baz', true],
      ['foo/#', 'foo', true],
      ['#', 'foo/bar/baz', true],
      ['/#', '/foo/bar', true],
      ['+/+', '/finance', true],
      ['/+', '/finance', true],
      ['+', '/finance', false],
      ['foo/bar', 'foo', false],
      ['foo/+', 'foo/bar/baz', false],
      ['foo/+/baz', 'foo/bar/bar', false],
      ['foo/+/#', 'fo2/bar/baz', false],
      ['/#', 'foo/bar', false],
      ['foo//bar', 'foo//bar', true],
      ['foo/+/+', 'foo//', true],
      ['#', '$SYS/bar', false],
      ['+/bar', '$SYS/bar', false],
      ['$SYS/#', '$SYS/bar', true],
      ['foo/#', '$SYS/bar', false],
    ];
    const publisher = await join(version);
    for (const [filter, topic, matches] of cases) {
      const { client } = await join(version);
      client.send(subscribe(filter));
      await client.next();
      publisher.client.send(publish(topic, 1));
      await publisher.client.next();
      expect(`${filter} ${topic} ${published(await client.untilQuiet()).length === 1}`).toBe(
        `${filter} ${topic} ${matches}`,
      );
      client.socket.destroy();
    }
  });
});

describe('on level 5', () => {
  test('a message says the same with every QoS, in the order it was said', async () => {
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'My name',
      responseTopic: 'answer',
      correlationData: Buffer.from('12'),
      userProperties: { a: ['2', '1'], c: '3' },
    };
    const { client } = await join(5);
    client.send(
      subscribe('props/+'),
      ...([0, 1, 2] as const).map((qos) => publish('props/a', qos, { properties })),
    );
    const got = published(await client.untilQuiet());
    expect(got.map(({ qos }) => qos)).toEqual([0, 1, 2]);
    for (const message of got) expect({ ...(message.properties as object) }).toMatchObject(properties);
  });

  test('retained messages follow retain handling, also of a subscription that is there', async () => {
    const { client } = await join(5);
    const fields = { retain: true };
    client.send(publish('keep/a', 0, fields), publish('keep/b', 1, fields), publish('keep/c', 2, fields));
    client.send({ cmd: 'pubrel', messageId: 2 });
    await client.untilQuiet();
    const counts: number[] = [];
    for (const rh of [1, 1, 2, 0, 0]) {
      client.send(subscribe('keep/+', { rh }));
      const messages = published(await client.untilQuiet());
      counts.push(messages.length);
      for (const { qos, messageId } of messages)
        if (qos !== 0) client.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId });
      for (const packet of await client.untilQuiet())
        if (packet.cmd === 'pubrel') client.send({ cmd: 'pubcomp', messageId: packet.messageId });
    }
    expect(counts).toEqual([3, 0, 0, 3, 3]);
  });

  test('DISCONNECT may make a session live longer, or end it, but not begin to live', async () => {
    const who = { clientId: 'expiry' };
    const first = await join(5, { ...who, ...kept(5, 1) });
    await leave(first.client, { sessionExpiryInterval: 100 });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const second = await join(5, { ...who, ...kept(5) });
    expect(second.connack.sessionPresent).toBe(true);
    await leave(second.client, { sessionExpiryInterval: 0 });
    const third = await join(5, { ...who, clean: false });
    expect(third.connack.sessionPresent).toBe(false);
    third.client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect(await third.client.next()).toMatchObject({ cmd: 'disconnect', reasonCode: 0x82 });
  });

  test('more than Receive Maximum ends the connection; the client’s is kept to', async () => {
    const { client, connack } = await join(5, { properties: { receiveMaximum: 3 } });
    const { receiveMaximum = 0xffff } = connack.properties as { receiveMaximum?: number };
    client.send(subscribe('window'));
    await client.next();
    const publisher = (await join(5)).client;
    for (let messageId = 1; messageId <= 5; messageId++) publisher.send(publish('window', 1, { messageId }));
    await publisher.untilQuiet();
    expect(published(await client.untilQuiet())).toHaveLength(3);
    client.send({ cmd: 'puback', messageId: 1 });
    expect(published(await client.untilQuiet())).toHaveLength(1);
    for (let messageId = 10; messageId <= receiveMaximum + 10; messageId++)
      publisher.send(publish('nobody', 2, { messageId }));
    let last: Received | 'end' = await publisher.next();
    while (last !== 'end' && last.cmd === 'pubrec') last = await publisher.next();
    expect(last).toMatchObject({ cmd: 'disconnect', reasonCode: 0x93 });
  });

  test('a client is sent nothing above its Maximum Packet Size, and the rest', async () => {
    const { client } = await join(5, { properties: { maximumPacketSize: 64 } });
    client.send(subscribe('size'));
    await client.next();
    const publisher = (await join(5)).client;
    publisher.send(publish('size', 1, { payload: 'x'.repeat(100) }), publish('size', 2, { payload: 'fits' }));
    await publisher.untilQuiet();
    expect(published(await client.untilQuiet()).map(({ payload }) => String(payload))).toEqual(['fits']);
  });

  test('topic aliases of the broker name the topic first, and then stand for it', async () => {
    const { client } = await join(5, { properties: { topicAliasMaximum: 1 } });
    client.send(subscribe('TopicA'));
    await client.next();
    client.send(...([0, 1, 2] as const).map((qos) => publish('TopicA', qos)));
    const got = published(await client.untilQuiet());
    expect(
      got.map(({ topic, properties }) => [topic, (properties as { topicAlias?: number }).topicAlias]),
    ).toEqual([
      ['TopicA', 1],
      ['', 1],
      ['', 1],
    ]);
  });

  test('answers of three lengths are taken: without a reason, with one, and with empty properties', async () => {
    const { client } = await join(5);
    client.send(subscribe('length'));
    await client.next();
    const publisher = (await join(5)).client;
    for (const [index, tail] of [[], [0], [0, 0]].entries()) {
      publisher.send(publish('length', 2));
      expect(await publisher.next()).toMatchObject({ cmd: 'pubrec', messageId: 2 });
      publisher.socket.write(Buffer.from([0x62, 2 + tail.length, 0, 2, ...tail]));
      expect(await publisher.next()).toMatchObject({ cmd: 'pubcomp', messageId: 2, reasonCode: 0 });
      const id = index + 1;
      expect(await client.next()).toMatchObject({ cmd: 'publish', messageId: id });
      client.socket.write(Buffer.from([0x50, 2 + tail.length, 0, id, ...tail]));
      expect(await client.next()).toMatchObject({ cmd: 'pubrel', messageId: id });
      client.socket.write(Buffer.from([0x70, 2 + tail.length, 0, id, ...tail]));
    }
    expect(await client.untilQuiet()).toEqual([]);
  });

  test('every subscription’s identifier comes with a message, in one copy', async () => {
    const { client } = await join(5);
    client.send(subscribe('ids/a', {}, { subscriptionIdentifier: 456_789 }));
    client.send(subscribe('ids/+', {}, { subscriptionIdentifier: 7 }));
    await client.untilQuiet();
    client.send(publish('ids/a', 1));
    const [message, ...more] = published(await client.untilQuiet());
    expect(more).toEqual([]);
    const { subscriptionIdentifier = [] } = (message?.properties ?? {}) as {
      subscriptionIdentifier?: number[];
    };
    expect(new Set(subscriptionIdentifier)).toEqual(new Set([456_789, 7]));
  });

  test('members of a shared subscription get each message once between them', async () => {
    const members = await Promise.all([join(5), join(5), join(4)]);
    for (const { client } of members) {
      client.send(subscribe('$share/workers/jobs/#'));
      await client.next();
    }
    const publisher = (await join(5)).client;
    for (let messageId = 1; messageId <= 30; messageId++)
      publisher.send(publish('jobs/x', 1, { messageId, payload: String(messageId) }));
    await publisher.untilQuiet();
    const each = await Promise.all(members.map(async ({ client }) => published(await client.untilQuiet())));
    expect(each.map(({ length }) => length)).toEqual([10, 10, 10]);
    expect(new Set(each.flat().map(({ payload }) => String(payload))).size).toBe(30);
  });

  test('the server’s keep-alive holds, and what is not offered is said', async () => {
    const { connack } = await join(5, { keepalive: 120, properties: { requestResponseInformation: true } });
    expect(connack.properties).toMatchObject({ serverKeepAlive: 60, topicAliasMaximum: 2 });
    const { client } = await join(5);
    client.send(publish('', 0, { topic: 'a', properties: { topicAlias: 3 } }));
    expect(await client.next()).toMatchObject({ cmd: 'disconnect', reasonCode: 0x94 });
  });

  test('a client that names a method of authentication hears that there is none', async () => {
    const { client, connack } = await join(5, { properties: { authenticationMethod: 'x' } });
    expect(connack).toMatchObject({ reasonCode: 0x8c });
    expect(await client.next()).toBe('end');
    const other = (await join(5)).client;
    other.socket.write(Buffer.from([0xf0, 0]));
    expect(await other.next()).toMatchObject({ cmd: 'disconnect', reasonCode: 0x82 });
    await once(other.socket, 'close');
  });
});
