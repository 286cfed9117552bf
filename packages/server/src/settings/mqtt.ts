import { count, section } from './kinds.ts';

export const mqttLimits = section(
  {
    connectTimeoutMs: count(10_000, 'Time from the end of the handshake to an accepted CONNECT.', {
      maximum: 120_000,
    }),
    packetTimeoutMs: count(
      30_000,
      'Time for a packet to arrive once it has begun; then the connection is cut.',
      {
        minimum: 1_000,
        maximum: 600_000,
      },
    ),
    packetBytesMax: count(
      268_288,
      'Largest MQTT packet, refused on its header; also of a WebSocket message.',
      {
        minimum: 132_096,
        maximum: 16_777_216,
      },
    ),
    topicBytesMax: count(1_024, 'Bytes of a topic.', { minimum: 256, maximum: 65_535 }),
    topicLevelsMax: count(32, 'Levels of a topic or filter.', { minimum: 8, maximum: 1_024 }),
    subscriptionsMax: count(100, 'Subscriptions of one session.', { minimum: 8 }),
    filtersPerSubscribeMax: count(32, 'Filters in one SUBSCRIBE.', { minimum: 8 }),
    inflightInMax: count(100, 'QoS 1 and 2 messages a device may have unacknowledged.', {
      minimum: 100,
      maximum: 65_535,
    }),
    inflightOutMax: count(100, 'QoS 1 and 2 messages sent to a device and not yet acknowledged.', {
      minimum: 100,
      maximum: 65_535,
    }),
    pendingMessagesMax: count(
      1_000,
      'Those waiting for room in that window, for a session that ends with its connection; one more cuts it.',
    ),
    pendingBytesMax: count(1_048_576, 'Bytes of those waiting messages.', { minimum: 131_072 }),
    outgoingBytesMax: count(
      1_048_576,
      'Bytes a slow subscriber has not read before QoS 0 is dropped, then the connection cut.',
      { minimum: 65_536 },
    ),
    stalledWriteMs: count(30_000, 'How long a write may make no progress before the connection is cut.'),
    messagesPerSecondMax: count(
      1_000,
      'Incoming packets a second of one connection, then its reads pause; acknowledgements count only when they answer nothing that was sent. A second’s worth may come at once.',
      {
        minimum: 100,
      },
    ),
    bytesPerSecondMax: count(4_194_304, 'Incoming bytes a second of one connection, then its reads pause.', {
      minimum: 524_288,
    }),
    deliveriesPerSecondMax: count(
      200_000,
      'What the messages of one connection go to in a second, then its reads pause: once for each subscription and KiB of the payload, a shared subscription eight times. A second’s worth may come at once.',
      { minimum: 20_000 },
    ),
    ratesPerOwnerMax: count(
      2,
      'How many times these three rates all connections of one owner (a thing, or a certificate without one: a claim too) have together; beyond it the reads pause of those that take more than an even share. Raise it for a back end that is busy on many connections.',
    ),
    topicAliasMax: count(
      16,
      'Topic aliases an MQTT 5 device may use, and at most as many are used towards it.',
      { maximum: 65_535 },
    ),
    keepAliveSecondsMax: count(1_200, 'Largest keep-alive; MQTT 5 devices that ask for more are told this.', {
      minimum: 30,
      maximum: 65_535,
    }),
    retainedMessagesMax: count(
      100_000,
      'Topics with a retained message; one more is refused (0x97; MQTT 3.1.1: disconnected), or with QoS 0 only routed.',
    ),
    retainedBytesMax: count(
      67_108_864,
      'Bytes of all retained messages together, and 200 for each level of their topics that no other one shares; the same happens beyond it.',
      {
        minimum: 1_048_576,
      },
    ),
    retainedMessagesPerOwnerMax: count(
      10_000,
      'Of these topics, those that one owner (a thing, or a certificate without one) was the last to set; one more is refused alike. Raise it for a back end that keeps one for each device.',
    ),
    retainedBytesPerOwnerMax: count(
      8_388_608,
      'Bytes of those retained messages, and 200 for each level that their topics added; the same happens beyond it.',
      {
        minimum: 131_072,
      },
    ),
    sessionsMax: count(
      100_000,
      'Sessions that outlive their connection; a device that asks for one more is refused (0x97; MQTT 3.1.1: return code 3).',
    ),
    sessionsPerOwnerMax: count(
      50,
      'Of these, those of one owner (a thing, or a certificate without one), and so its delayed wills; one more is refused alike.',
    ),
    sessionExpirySecondsMax: count(
      604_800,
      'How long they do at most; MQTT 3.1.1 devices get this one. 4294967295: for ever.',
      { minimum: 3_600, maximum: 4_294_967_295 },
    ),
    queuedMessagesMax: count(
      10_000,
      'QoS 1 and 2 messages such a session is owed; with one more it ends, and the device finds none on its return.',
      { minimum: 100 },
    ),
    queuedBytesMax: count(16_777_216, 'Bytes of those messages; the same fate.', { minimum: 131_072 }),
    storedMessagesMax: count(
      1_000_000,
      'Messages that all sessions are owed, counted for each; above it their publishers are refused (0x97; a 3.1.1 connection ends).',
    ),
    storedBytesMax: count(
      268_435_456,
      'Bytes of those messages, each counted once, and of all subscriptions, wills and inbound packet identifiers of sessions; the same fate, and no more of those is taken (0x97).',
      {
        minimum: 131_072,
      },
    ),
    storedMessagesPerOwnerMax: count(
      20_000,
      'Messages that the sessions of one owner are owed; with one more that one of them ends that is owed most.',
      { minimum: 100 },
    ),
    storedBytesPerOwnerMax: count(
      33_554_432,
      'Bytes of all that the sessions of one owner store, a message counted for each; the same fate, and no more is taken (0x97).',
      { minimum: 131_072 },
    ),
    uncommittedBytesMax: count(
      8_388_608,
      'Bytes on their way to the disk; above it the reads of those who send them pause.',
      { minimum: 65_536 },
    ),
    commitIntervalMs: count(
      2,
      'Time between the beginnings of two batches of durable changes at least: longer saves processor time, shorter acknowledges sooner under load.',
      { minimum: 0, maximum: 1_000 },
    ),
    lingerMs: count(
      1_000,
      'How long a connection that the platform closes may take to read its last packet.',
    ),
  },
  'Limits of one MQTT connection; none is stricter than what AWS IoT clients rely on.',
);
