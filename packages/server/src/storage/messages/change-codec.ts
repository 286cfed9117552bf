import type { StoreChange, StoredDelivery } from '@fleetward/mqtt';
import { PackedBytesError, type PackedReader, type PackedWriter } from './packed-bytes.ts';

// How changes, and rows on their way back, cross between threads. Both ends are of one version, so the numbers may change.
// A structured clone of the same objects costs each of the two threads ten times as much.

const KIND = {
  session: 1,
  'session-gone': 2,
  subscription: 3,
  'subscription-gone': 4,
  message: 5,
  'message-gone': 6,
  delivery: 7,
  'delivery-released': 8,
  'delivery-gone': 9,
  inbound: 10,
  'inbound-gone': 11,
  retained: 12,
  'retained-gone': 13,
  will: 14,
  'will-gone': 15,
} as const satisfies Record<StoreChange['kind'], number>;

const FLAG = { first: 4, second: 8 } as const;
const FLAGS_QOS = 3;
const FLAGS_ALL = FLAGS_QOS | FLAG.first | FLAG.second;

export function writeChange(to: PackedWriter, change: StoreChange): void {
  to.uint8(KIND[change.kind]);
  switch (change.kind) {
    case 'session':
      to.integer(change.session);
      to.text(change.clientId);
      to.text(change.owner);
      to.text(change.principal);
      to.integer(change.epoch);
      to.integer(change.expirySeconds);
      writeOptional(to, change.disconnectedAtMs);
      return;
    case 'subscription':
      to.integer(change.session);
      to.text(change.filter);
      writeFlags(to, change.qos, change.noLocal, change.retainAsPublished);
      to.integer(change.identifier);
      return;
    case 'message':
      to.integer(change.message);
      to.integer(change.expiresAtMs);
      to.bytes(change.packet);
      return;
    case 'delivery':
      writeDelivery(to, change);
      return;
    case 'retained':
      to.text(change.topic);
      writeFlags(to, change.qos, false, false);
      to.integer(change.expiresAtMs);
      to.text(change.owner);
      to.bytes(change.packet);
      return;
    case 'will':
      to.integer(change.session);
      writeFlags(to, change.qos, change.retain, false);
      to.integer(change.delaySeconds);
      to.bytes(change.packet);
      return;
    case 'inbound':
    case 'inbound-gone':
      to.integer(change.session);
      to.integer(change.packetId);
      return;
    case 'delivery-released':
    case 'delivery-gone':
      to.integer(change.session);
      to.integer(change.seq);
      return;
    case 'subscription-gone':
      to.integer(change.session);
      to.text(change.filter);
      return;
    case 'session-gone':
    case 'will-gone':
      to.integer(change.session);
      return;
    case 'message-gone':
      to.integer(change.message);
      return;
    case 'retained-gone':
      to.text(change.topic);
      return;
  }
}

function writeDelivery(to: PackedWriter, delivery: StoredDelivery): void {
  to.integer(delivery.session);
  to.integer(delivery.seq);
  to.integer(delivery.message);
  writeFlags(to, delivery.qos, delivery.retain, delivery.isReleased);
  to.uint8(delivery.identifiers.length === 0 ? 0 : 1);
  if (delivery.identifiers.length > 0) to.bytes(packIdentifiers(delivery.identifiers));
  to.text(delivery.shareName);
}

function writeFlags(to: PackedWriter, qos: number, first: boolean, second: boolean): void {
  to.uint8(qos | (first ? FLAG.first : 0) | (second ? FLAG.second : 0));
}

function writeOptional(to: PackedWriter, value: number | undefined): void {
  to.uint8(value === undefined ? 0 : 1);
  if (value !== undefined) to.integer(value);
}

/** Bytes in the change are views on those of the reader. Throws `PackedBytesError`. */
export function readChange(from: PackedReader): StoreChange {
  const kind = from.uint8();
  switch (kind) {
    case KIND.session:
      return readSession(from);
    case KIND.subscription:
      return readSubscription(from);
    case KIND.message:
      return { kind: 'message', message: from.integer(), expiresAtMs: from.integer(), packet: from.bytes() };
    case KIND.delivery:
      return readDelivery(from);
    case KIND.retained:
      return readRetained(from);
    case KIND.will:
      return readWill(from);
    case KIND.inbound:
      return { kind: 'inbound', session: from.integer(), packetId: from.integer() };
    case KIND['inbound-gone']:
      return { kind: 'inbound-gone', session: from.integer(), packetId: from.integer() };
    case KIND['delivery-released']:
      return { kind: 'delivery-released', session: from.integer(), seq: from.integer() };
    case KIND['delivery-gone']:
      return { kind: 'delivery-gone', session: from.integer(), seq: from.integer() };
    case KIND['subscription-gone']:
      return { kind: 'subscription-gone', session: from.integer(), filter: from.text() };
    case KIND['session-gone']:
      return { kind: 'session-gone', session: from.integer() };
    case KIND['will-gone']:
      return { kind: 'will-gone', session: from.integer() };
    case KIND['message-gone']:
      return { kind: 'message-gone', message: from.integer() };
    case KIND['retained-gone']:
      return { kind: 'retained-gone', topic: from.text() };
    default:
      throw new PackedBytesError(`\`${kind}\` is no kind of change`);
  }
}

function readSession(from: PackedReader): StoreChange {
  return {
    kind: 'session',
    session: from.integer(),
    clientId: from.text(),
    owner: from.text(),
    principal: from.text(),
    epoch: from.integer(),
    expirySeconds: from.integer(),
    disconnectedAtMs: readBit(from) ? from.integer() : undefined,
  };
}

function readSubscription(from: PackedReader): StoreChange {
  const [session, filter, flags] = [from.integer(), from.text(), readFlags(from)];
  const { qos, first: noLocal, second: retainAsPublished } = flags;
  return {
    kind: 'subscription',
    session,
    filter,
    qos,
    noLocal,
    retainAsPublished,
    identifier: from.integer(),
  };
}

function readDelivery(from: PackedReader): StoreChange {
  const session = from.integer();
  const seq = from.integer();
  const message = from.integer();
  const { qos, first: retain, second: isReleased } = readFlags(from);
  if (qos === 0) throw new PackedBytesError('a delivery has QoS 1 or 2');
  const identifiers = readBit(from) ? unpackIdentifiers(from.bytes()) : NO_IDENTIFIERS;
  const shareName = from.text();
  return { kind: 'delivery', session, seq, message, qos, retain, identifiers, shareName, isReleased };
}

function readRetained(from: PackedReader): StoreChange {
  const [topic, { qos }] = [from.text(), readFlags(from)];
  const [expiresAtMs, owner] = [from.integer(), from.text()];
  return { kind: 'retained', topic, qos, expiresAtMs, owner, packet: from.bytes() };
}

function readWill(from: PackedReader): StoreChange {
  const [session, { qos, first: retain }] = [from.integer(), readFlags(from)];
  return { kind: 'will', session, qos, retain, delaySeconds: from.integer(), packet: from.bytes() };
}

function readFlags(from: PackedReader): { qos: 0 | 1 | 2; first: boolean; second: boolean } {
  const flags = from.uint8();
  const qos = flags & FLAGS_QOS;
  if (flags > FLAGS_ALL || qos === 3) throw new PackedBytesError(`\`${flags}\` are no flags`);
  return { qos: qos as 0 | 1 | 2, first: (flags & FLAG.first) !== 0, second: (flags & FLAG.second) !== 0 };
}

function readBit(from: PackedReader): boolean {
  const bit = from.uint8();
  if (bit > 1) throw new PackedBytesError(`\`${bit}\` is neither 0 nor 1`);
  return bit === 1;
}

const NO_IDENTIFIERS: readonly number[] = [];

/** Subscription identifiers, four bytes each; also how a row holds them. */
export function packIdentifiers(identifiers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(4 * identifiers.length);
  for (const [index, identifier] of identifiers.entries()) bytes.writeUInt32LE(identifier, 4 * index);
  return bytes;
}

export function unpackIdentifiers(bytes: Buffer): readonly number[] {
  if (bytes.length % 4 !== 0) throw new PackedBytesError('subscription identifiers have four bytes each');
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(4 * index));
}
