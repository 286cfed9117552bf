import { describe, expect, test } from 'vitest';
import { PublishFrame } from '../src/codec/publish-frame.ts';
import {
  decodePacket,
  encodePacket,
  type Packet,
  PacketReader,
  REASON,
  type ReasonCode,
} from '../src/index.ts';
import type { ConnectionEnding, ProtocolEffects } from '../src/session/effects.ts';
import { ServerProtocol } from '../src/session/server-protocol.ts';
import { TopicTable } from '../src/topics/topic-table.ts';
import { connectPacket, publishPacket, subscribePacket } from './broker-rig.ts';

const limits = {
  packetBytesMax: 1024,
  inflightInMax: 10,
  inflightOutMax: 10,
  topicAliasMax: 1,
  keepAliveSecondsMax: 100,
  sessionExpirySecondsMax: 1000,
  topicBytesMax: 100,
  topicLevelsMax: 10,
  filtersPerSubscribeMax: 10,
};

const ACKNOWLEDGEMENTS: Record<number, string> = { 4: 'puback', 5: 'pubrec', 6: 'pubrel', 7: 'pubcomp' };

/** A session and all it asked for, without a stream, a clock or a broker. */
function startSession(version: 4 | 5, options: { readonly publishes?: ReasonCode } = {}) {
  const asked: string[] = [];
  const sent: Packet[] = [];
  const endings: ConnectionEnding[] = [];
  const reader = new PacketReader({ packetBytesMax: 1024, version });
  const effects: ProtocolEffects<never> = {
    send: (packet) => void sent.push(...reader.read(packet)),
    answer: (packet) => void sent.push(...reader.read(packet)),
    acknowledge: (first, packetId, reasonCode) =>
      void asked.push(`${ACKNOWLEDGEMENTS[first >> 4]} ${packetId} ${reasonCode}`),
    connect: (packet) => void asked.push(`connect ${packet.clientId}`),
    publish: (frame, topic) => {
      asked.push(`publish ${topic.text} qos ${frame.qos}`);
      return options.publishes ?? REASON.success;
    },
    subscribe: (packet) => packet.subscriptions.map(() => REASON.notAuthorized),
    unsubscribe: (packet) => packet.filters.map(() => REASON.noSubscriptionExisted),
    acknowledged: (packetId) => void asked.push(`acknowledged ${packetId}`),
    received: (packetId) => (packetId === 1 ? REASON.success : REASON.packetIdentifierNotFound),
    released: (packetId) => (packetId === 1 ? REASON.success : REASON.packetIdentifierNotFound),
    completed: (packetId) => void asked.push(`completed ${packetId}`),
    end: (ending) => void endings.push(ending),
  };
  const topics = new TopicTable<never>({ seed: 1, refuse: () => {} });
  const session = new ServerProtocol(effects, { limits, topics, frame: new PublishFrame() });
  const receive = (packet: Packet): void => {
    const bytes = encodePacket(packet, version);
    session.receive(bytes, 0, 2, bytes.length);
  };
  return { session, receive, asked, sent, endings };
}

function openSession(version: 4 | 5, options: { readonly publishes?: ReasonCode } = {}) {
  const started = startSession(version, options);
  started.receive(connectPacket(version));
  started.session.accept({ assignedClientId: undefined, sessionPresent: false, expirySeconds: 0 });
  return started;
}

describe('the protocol of one connection', () => {
  test('asks for a decision on CONNECT and reads nothing until it has one', () => {
    const { session, receive, asked, sent } = startSession(5);
    receive(connectPacket(5));
    expect(session.mayRead).toBe(false);
    receive(publishPacket());
    expect(asked).toEqual(['connect device-1']);
    session.accept({ assignedClientId: undefined, sessionPresent: false, expirySeconds: 0 });
    expect(sent).toMatchObject([{ kind: 'connack', reasonCode: 0 }]);
    expect(session.isOpen).toBe(true);
  });

  test('acknowledges QoS 1 once its effect took the message, and QoS 0 never', () => {
    const { receive, asked } = openSession(4);
    receive(publishPacket({ qos: 1, packetId: 5 }));
    receive(publishPacket());
    expect(asked.slice(1)).toEqual(['publish a/b qos 1', 'puback 5 0', 'publish a/b qos 0']);
  });

  test('answers a refused message as its version can: 3.1.1 ends, MQTT 5 acknowledges with the reason', () => {
    const four = openSession(4, { publishes: REASON.notAuthorized });
    four.receive(publishPacket({ qos: 1, packetId: 5 }));
    expect(four.endings).toEqual([{ reason: 'AUTH_ERROR', sendWill: true, why: 'the message is refused' }]);
    const five = openSession(5, { publishes: REASON.notAuthorized });
    five.receive(publishPacket({ qos: 1, packetId: 5 }));
    five.receive(publishPacket({ qos: 2, packetId: 6 }));
    expect(five.asked.slice(1).filter((what) => what.startsWith('pub'))).toEqual([
      'publish a/b qos 1',
      'puback 5 135',
      'publish a/b qos 2',
      'pubrec 6 135',
    ]);
    expect(five.endings).toEqual([]);
  });

  test.each([
    [4, 0],
    [5, 0x92],
  ] as const)('answers each step of QoS 2 on level %i, and one it knows nothing of', (version, unknown) => {
    const { receive, asked } = openSession(version);
    const step = (kind: 'pubrec' | 'pubrel' | 'pubcomp', packetId: number) =>
      receive({ kind, packetId, reasonCode: 0, properties: {} });
    receive(publishPacket({ qos: 2, packetId: 1 }));
    for (const packetId of [1, 2]) step('pubrel', packetId);
    for (const packetId of [1, 2]) step('pubrec', packetId);
    step('pubcomp', 1);
    expect(asked.slice(1)).toEqual([
      'publish a/b qos 2',
      'pubrec 1 0',
      'pubcomp 1 0',
      `pubcomp 2 ${unknown}`,
      'pubrel 1 0',
      `pubrel 2 ${unknown}`,
      'completed 1',
    ]);
  });

  test('answers 3.1.1 with 0x80 where MQTT 5 hears the reason', () => {
    const codes = ([4, 5] as const).map((version) => {
      const { receive, sent } = openSession(version);
      receive(subscribePacket('a'));
      return sent.at(-1);
    });
    expect(codes).toMatchObject([{ reasonCodes: [0x80] }, { reasonCodes: [0x87] }]);
  });

  test('ends once, whatever comes after', () => {
    const { session, receive, endings, asked } = openSession(5);
    receive(connectPacket(5));
    receive(publishPacket());
    session.close(REASON.administrativeAction, { reason: 'API_INITIATED_DISCONNECT', sendWill: true });
    expect(endings).toHaveLength(1);
    expect(endings[0]?.reason).toBe('CLIENT_ERROR');
    expect(asked).toEqual(['connect device-1']);
  });

  test.each<[string, Packet]>([
    ['CONNACK', { kind: 'connack', sessionPresent: false, reasonCode: 0, properties: {} }],
    ['SUBACK', { kind: 'suback', packetId: 1, reasonCodes: [0], properties: {} }],
    ['UNSUBACK', { kind: 'unsuback', packetId: 1, reasonCodes: [0], properties: {} }],
    ['PINGRESP', { kind: 'pingresp' }],
    ['AUTH', { kind: 'auth', reasonCode: 0x19, properties: {} }],
  ])('takes no %s from a client', (_name, packet) => {
    const { receive, endings } = openSession(5);
    receive(packet);
    expect(endings).toMatchObject([{ reason: 'CLIENT_ERROR', sendWill: true }]);
  });

  test('tells MQTT 5 in DISCONNECT what was wrong, unless the client cannot take so much', () => {
    const packets = [1_000, 30].map((maximumPacketSize) => {
      const { session, receive, endings } = startSession(5);
      receive(connectPacket(5, { keepAliveSeconds: 20, properties: { maximumPacketSize } }));
      session.accept({ assignedClientId: undefined, sessionPresent: false, expirySeconds: 0 });
      receive({ kind: 'auth', reasonCode: 0x19, properties: {} });
      return decodePacket(endings[0]!.packet!, {
        start: 0,
        bodyStart: 2,
        end: endings[0]!.packet!.length,
        version: 5,
      });
    });
    expect(packets).toEqual([
      { kind: 'disconnect', reasonCode: 0x82, properties: { reasonString: 'a client may not send auth' } },
      { kind: 'disconnect', reasonCode: 0x82, properties: {} },
    ]);
  });

  test('refuses to lengthen in DISCONNECT a session that was to end with its connection', () => {
    const { receive, endings } = openSession(5);
    receive({ kind: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect(endings).toMatchObject([{ reason: 'CLIENT_ERROR', sendWill: true }]);
  });
});
