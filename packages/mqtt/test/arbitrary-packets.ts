import fc from 'fast-check';
import type { Packet, Properties, ProtocolVersion } from '../src/index.ts';

// Any text a UTF-8 Encoded String can hold, and names made of it.
const text = fc
  .string({ unit: 'binary', maxLength: 24 })
  .map((value) => value.toWellFormed().replaceAll('\0', ''));
const topic = text.map((value) => value.replace(/[+#]/g, '') || 't');
const level = fc.oneof(
  fc.constant('+'),
  topic.map((value) => value.replaceAll('/', '') || 'l'),
);
const filter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'))
  .filter((value) => !value.startsWith('$share/'));
const bytes = fc.uint8Array({ maxLength: 48 }).map((value) => Buffer.from(value));
const uint16 = fc.integer({ min: 1, max: 0xffff });
const uint32 = fc.integer({ min: 1, max: 0xffff_ffff });
const qos = fc.constantFrom(0, 1, 2) as fc.Arbitrary<0 | 1 | 2>;
const pairs = fc
  .uniqueArray(fc.tuple(text, text), { minLength: 1, maxLength: 3, selector: ([name]) => name })
  .map((list) => list as readonly (readonly [string, string])[]);

function properties(model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Properties> {
  return fc.record({ userProperties: pairs, ...model }, { requiredKeys: [] });
}

const messageProperties = {
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
};

function message(
  version: ProtocolVersion,
  extra: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Properties> {
  return version === 5 ? properties({ ...messageProperties, ...extra }) : fc.constant({});
}

function of5(
  version: ProtocolVersion,
  model: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Properties> {
  return version === 5 ? properties(model) : fc.constant({});
}

function codes(version: ProtocolVersion, values: readonly number[]): fc.Arbitrary<number> {
  return version === 5 ? fc.constantFrom(...values) : fc.constant(0);
}

/** Any packet that `version` allows. */
export function anyPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const reason = { reasonString: text };
  const acknowledgement = (kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', values: readonly number[]) =>
    fc.record({
      kind: fc.constant(kind),
      packetId: uint16,
      reasonCode: codes(version, values),
      properties: of5(version, reason),
    });
  const packets: fc.Arbitrary<unknown>[] = [
    connect(version),
    fc.record({
      kind: fc.constant('connack'),
      sessionPresent: fc.boolean(),
      reasonCode: fc.constant(0),
      properties: of5(version, {
        ...reason,
        sessionExpiryInterval: uint32,
        receiveMaximum: uint16,
        maximumQos: fc.constantFrom(0, 1),
        retainAvailable: fc.boolean(),
        maximumPacketSize: uint32,
        assignedClientIdentifier: text,
        topicAliasMaximum: uint16,
        serverKeepAlive: uint16,
        sharedSubscriptionAvailable: fc.boolean(),
      }),
    }),
    publish(version),
    acknowledgement('puback', [0, 0x10, 0x87]),
    acknowledgement('pubrec', [0, 0x97]),
    acknowledgement('pubrel', [0, 0x92]),
    acknowledgement('pubcomp', [0, 0x92]),
    subscribe(version),
    fc.record({
      kind: fc.constant('suback'),
      packetId: uint16,
      reasonCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 4 }),
      properties: of5(version, reason),
    }),
    fc.record({
      kind: fc.constant('unsubscribe'),
      packetId: uint16,
      filters: fc.array(filter, { minLength: 1, maxLength: 4 }),
      properties: of5(version, {}),
    }),
    fc.record({
      kind: fc.constant('unsuback'),
      packetId: uint16,
      reasonCodes: version === 5 ? fc.array(fc.constantFrom(0, 0x11), { minLength: 1 }) : fc.constant([]),
      properties: of5(version, reason),
    }),
    fc.constant({ kind: 'pingreq' }),
    fc.constant({ kind: 'pingresp' }),
    fc.record({
      kind: fc.constant('disconnect'),
      reasonCode: codes(version, [0, 4, 0x81, 0x8e]),
      properties: of5(version, { ...reason, sessionExpiryInterval: uint32 }),
    }),
  ];
  if (version === 5) packets.push(auth());
  return fc.oneof(...packets) as fc.Arbitrary<Packet>;
}

function auth(): fc.Arbitrary<unknown> {
  return fc.record({
    kind: fc.constant('auth'),
    reasonCode: fc.constantFrom(0x18, 0x19),
    properties: fc.record({ authenticationMethod: text, authenticationData: bytes }),
  });
}

function connect(version: ProtocolVersion): fc.Arbitrary<unknown> {
  const will = fc.record({
    topic,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: message(version, { willDelayInterval: uint32 }),
  });
  return fc
    .record(
      {
        kind: fc.constant('connect'),
        protocolVersion: fc.constant(version),
        clientId: topic,
        cleanStart: fc.boolean(),
        keepAliveSeconds: uint16,
        will,
        username: topic,
        password: bytes,
        properties: of5(version, {
          sessionExpiryInterval: uint32,
          receiveMaximum: uint16,
          maximumPacketSize: uint32,
          topicAliasMaximum: uint16,
          requestProblemInformation: fc.boolean(),
          requestResponseInformation: fc.boolean(),
        }),
      },
      {
        requiredKeys: ['kind', 'protocolVersion', 'clientId', 'cleanStart', 'keepAliveSeconds', 'properties'],
      },
    )
    .map(({ password, ...packet }) =>
      packet.username === undefined || password === undefined ? packet : { ...packet, password },
    );
}

function publish(version: ProtocolVersion): fc.Arbitrary<unknown> {
  const fields = {
    topic,
    payload: bytes,
    retain: fc.boolean(),
    properties: message(version, { topicAlias: uint16 }),
  };
  return fc.oneof(
    fc.record({ kind: fc.constant('publish'), ...fields, qos: fc.constant(0), dup: fc.constant(false) }),
    fc.record({
      kind: fc.constant('publish'),
      ...fields,
      qos: fc.constantFrom(1, 2),
      dup: fc.boolean(),
      packetId: uint16,
    }),
  );
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<unknown> {
  const five = version === 5;
  const request = fc.record({
    filter,
    qos,
    noLocal: five ? fc.boolean() : fc.constant(false),
    retainAsPublished: five ? fc.boolean() : fc.constant(false),
    retainHandling: five ? fc.constantFrom(0, 1, 2) : fc.constant(0),
  });
  return fc.record({
    kind: fc.constant('subscribe'),
    packetId: uint16,
    subscriptions: fc.array(request, { minLength: 1, maxLength: 4 }),
    properties: of5(version, {
      subscriptionIdentifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), {
        minLength: 1,
        maxLength: 1,
      }),
    }),
  });
}
