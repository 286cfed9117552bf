import { MqttError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';

/** What one broker and one connection may use. None is stricter than what AWS IoT clients rely on. */
export interface BrokerLimits {
  /** Streams at once, those still before CONNECT included. */
  readonly connectionsMax: number;
  /** One whole packet, either way into the broker. */
  readonly packetBytesMax: number;
  /** From `accept` to an accepted CONNECT, the decision included. */
  readonly connectTimeoutMs: number;
  /** From the first bytes of a packet to its last, pauses in reading aside. */
  readonly packetTimeoutMs: number;
  readonly topicBytesMax: number;
  /** Levels of a topic or filter: its slashes and one. */
  readonly topicLevelsMax: number;
  readonly subscriptionsMax: number;
  /** Of one SUBSCRIBE or UNSUBSCRIBE; one more ends the connection (0x97 in MQTT 5) before any is looked at. */
  readonly filtersPerSubscribeMax: number;
  /** Messages with QoS 1 and 2 that a client may have unacknowledged (MQTT 5 Receive Maximum); above it 3.1.1 is read no further. */
  readonly inflightInMax: number;
  /** Messages with QoS 1 and 2 sent to a client and not yet acknowledged. */
  readonly inflightOutMax: number;
  /** Those waiting for room in that window, for a session that ends with its connection; one more cuts the connection. */
  readonly pendingMessagesMax: number;
  readonly pendingBytesMax: number;
  /** Bytes not yet taken by a connection's socket: above it QoS 0 is dropped, then the connection is cut. */
  readonly outgoingBytesMax: number;
  /** How long a write may make no progress before the connection is cut. */
  readonly stalledWriteMs: number;
  /** Packets but acknowledgements of what it was sent; above it reading pauses. A second's worth may come at once. */
  readonly messagesPerSecondMax: number;
  /** Bytes read; above it reading pauses. A second's worth may come at once. */
  readonly bytesPerSecondMax: number;
  /**
   * Of what it publishes, once for each subscription (a shared one: eight times) and KiB of the payload, the first one begun or not;
   * above it reading pauses. A second's worth may come at once.
   */
  readonly deliveriesPerSecondMax: number;
  /**
   * How many times the three rates above all connections of one owner have together; above it reading pauses for those that take more
   * than an even share of it.
   */
  readonly ratesPerOwnerMax: number;
  readonly topicAliasMax: number;
  /** MQTT 5 clients that ask for more, or for none, are told this one. */
  readonly keepAliveSecondsMax: number;
  /** Topics with a retained message; one more is refused (0x97; a 3.1.1 connection ends), or with QoS 0 only routed. */
  readonly retainedMessagesMax: number;
  /** Of the packets of all retained messages together, and 200 for each level of their topics that no other one shares; the same fate. */
  readonly retainedBytesMax: number;
  /** Of these, those that one owner was the last to set; the same fate. What belongs to nobody has no such bound, here and below. */
  readonly retainedMessagesPerOwnerMax: number;
  readonly retainedBytesPerOwnerMax: number;
  /** Sessions that outlive their connection; who asks for one more is refused (0x97). */
  readonly sessionsMax: number;
  /** Of one owner, and so its delayed wills; the same fate. */
  readonly sessionsPerOwnerMax: number;
  /** How long they do at most, in seconds; 3.1.1 clients get this one. 4294967295: for ever. */
  readonly sessionExpirySecondsMax: number;
  /** Messages such a session is owed; with one more it ends, and its client finds none when it is back. */
  readonly queuedMessagesMax: number;
  /** Of the packets of those messages; the same fate. */
  readonly queuedBytesMax: number;
  /** Messages that all such sessions are owed, counted for each session; above it their publishers are refused (0x97; a 3.1.1 connection ends). */
  readonly storedMessagesMax: number;
  /**
   * Of the packets of those messages, each counted once, and of the subscriptions, wills and inbound packet identifiers of such
   * sessions; the same fate, and no more of those is taken.
   */
  readonly storedBytesMax: number;
  /** Messages that the sessions of one owner are owed; with one more the one that is owed most ends, as above `queuedMessagesMax`. */
  readonly storedMessagesPerOwnerMax: number;
  /** Of all that the sessions of one owner store, a message counted for each session; the same fate, and no more is taken (0x97). */
  readonly storedBytesPerOwnerMax: number;
  /** On their way to the disk; above it those whose messages cause it are read no further until it has fallen. */
  readonly uncommittedBytesMax: number;
  /** From the beginning of one batch of durable changes to that of the next at least; 0: no pause. */
  readonly commitIntervalMs: number;
  /** How long a connection that this side closes may take to read its last packet. */
  readonly lingerMs: number;
}

export const DEFAULT_BROKER_LIMITS: BrokerLimits = Object.freeze({
  connectionsMax: 20_000,
  packetBytesMax: 256 * 1024,
  connectTimeoutMs: 10_000,
  packetTimeoutMs: 30_000,
  topicBytesMax: 65_535,
  topicLevelsMax: 64,
  subscriptionsMax: 256,
  filtersPerSubscribeMax: 64,
  inflightInMax: 256,
  inflightOutMax: 256,
  pendingMessagesMax: 1_000,
  pendingBytesMax: 1024 * 1024,
  outgoingBytesMax: 1024 * 1024,
  stalledWriteMs: 30_000,
  messagesPerSecondMax: 2_000,
  bytesPerSecondMax: 4 * 1024 * 1024,
  deliveriesPerSecondMax: 200_000,
  ratesPerOwnerMax: 2,
  topicAliasMax: 16,
  keepAliveSecondsMax: 1_200,
  retainedMessagesMax: 100_000,
  retainedBytesMax: 64 * 1024 * 1024,
  retainedMessagesPerOwnerMax: 10_000,
  retainedBytesPerOwnerMax: 8 * 1024 * 1024,
  sessionsMax: 100_000,
  sessionsPerOwnerMax: 50,
  sessionExpirySecondsMax: 604_800,
  queuedMessagesMax: 10_000,
  queuedBytesMax: 16 * 1024 * 1024,
  storedMessagesMax: 1_000_000,
  storedBytesMax: 256 * 1024 * 1024,
  storedMessagesPerOwnerMax: 20_000,
  storedBytesPerOwnerMax: 32 * 1024 * 1024,
  uncommittedBytesMax: 8 * 1024 * 1024,
  commitIntervalMs: 2,
  lingerMs: 1_000,
});

const UINT16_FIELDS: readonly (keyof BrokerLimits)[] = [
  'topicBytesMax',
  'inflightInMax',
  'inflightOutMax',
  'topicAliasMax',
  'keepAliveSecondsMax',
];

/** Fills in the defaults; a limit that is not a whole number above 0 (an interval: from 0 on), or does not fit its wire field, is refused. */
export function parseBrokerLimits(given: Partial<BrokerLimits> = {}): BrokerLimits {
  const limits: BrokerLimits = { ...DEFAULT_BROKER_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'commitIntervalMs' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw invalid(name, value, `a whole number from ${least} on`);
  }
  for (const name of UINT16_FIELDS) {
    if (limits[name] > 0xffff) throw invalid(name, limits[name], 'at most 65535');
  }
  if (limits.packetBytesMax > 268_435_460)
    throw invalid('packetBytesMax', limits.packetBytesMax, 'at most 268435460');
  if (limits.sessionExpirySecondsMax > 0xffff_ffff)
    throw invalid('sessionExpirySecondsMax', limits.sessionExpirySecondsMax, 'at most 4294967295');
  return Object.freeze(limits);
}

function invalid(name: string, value: unknown, expected: string): MqttError {
  return new MqttError('mqtt.invalid_limit', `the limit \`${name}\` is \`${value}\`; expected ${expected}`, {
    reasonCode: REASON.implementationSpecificError,
  });
}
