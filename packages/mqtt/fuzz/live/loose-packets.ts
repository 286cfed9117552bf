import { PACKET } from '../../src/codec/packet-type.ts';
import { WireWriter } from '../../src/codec/wire-writer.ts';
import type { Decisions } from './decisions.ts';

const TOPICS = ['a', 'a/b', 'a/b/c', 'b', 'a', 'a/b', 'a/b/c', '$x/y', 'é/ü'];
const STRANGE_TOPICS = ['', 'a/+', '#', '/', `${'l/'.repeat(9)}l`];
const FILTERS = ['a', 'a/+', 'a/#', '#', '+', '+/b', '$x/#', '$share/g/a/#', '$share/g/+', '$share/h/#'];
const STRANGE_FILTERS = ['$share/g', '$share/+/a', 'a#', '', '$share/g/', `${'+/'.repeat(9)}#`];
const CLIENT_IDS = ['one', 'two', 'three', '', '$four', 'x'.repeat(40)];
const PAYLOADS = [0, 1, 5, 200, 5000].map((length) => Buffer.alloc(length, 'p'));
const PACKET_IDS = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 0xffff, 0];

const encoded = (...hex: readonly string[]): readonly Buffer[] => hex.map((each) => Buffer.from(each, 'hex'));
const USER_PROPERTY = '26000161000162';
const SESSION_EXPIRY = ['1100000005', '11ffffffff'];
const MESSAGE = ['0200000000', '0200000005', '0101', '08000161', '0900020000', '03000174', USER_PROPERTY];
/** Encoded properties by the packet they are valid in. */
const PROPERTIES = {
  connect: encoded(
    ...SESSION_EXPIRY,
    '210001',
    '2700000014',
    '2700001000',
    '220002',
    '1700',
    '1901',
    USER_PROPERTY,
  ),
  will: encoded(...MESSAGE, '1800000001'),
  publish: encoded(...MESSAGE, '230001', '230002'),
  subscribe: encoded('0b01', '0bffffff7f', USER_PROPERTY),
  unsubscribe: encoded(USER_PROPERTY),
  other: encoded(...SESSION_EXPIRY, '1f000172', USER_PROPERTY),
};
/** Too large, zero, of another packet, of none, or ending early. */
const WRONG = encoded(
  '23ffff',
  '230000',
  '0b00',
  '210000',
  '0102',
  '0800012b',
  '2600016100',
  '15000178',
  '7f00',
);

/** A packet that is right in most places. */
export function loosePacket(decisions: Decisions, version: 4 | 5): Buffer {
  const packet = decisions.of(GRAMMAR)(decisions, version);
  return decisions.once(60) ? damaged(packet, decisions) : packet;
}

export function looseConnect(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  writer.text(decisions.once(120) ? 'MQIsdp' : 'MQTT');
  writer.byte(decisions.once(120) ? decisions.byte() : version);
  const flags = decisions.of(
    decisions.once(80)
      ? [0x03, 0x1a, 0x22, 0x42, 0x1e]
      : [0x02, 0x02, 0x02, 0x00, 0x06, 0x0e, 0x26, 0x2e, 0xc2],
  );
  writer.byte(flags);
  writer.uint16(decisions.of([0, 1, 60]));
  writeProperties(writer, { decisions, known: PROPERTIES.connect, version });
  writer.text(decisions.of(CLIENT_IDS));
  if ((flags & 0x04) !== 0) {
    writeProperties(writer, { decisions, known: PROPERTIES.will, version });
    writer.text(topic(decisions));
    writer.binary(decisions.of(PAYLOADS));
  }
  for (const flag of [0x80, 0x40]) if ((flags & flag) !== 0) writer.text('u');
  return writer.packet(PACKET.connect << 4);
}

function publish(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  const flags = decisions.of(
    decisions.once(80) ? [0x08, 0x06, 0x0e] : [0, 1, 2, 3, 4, 5, 0, 2, 4, 0x0a, 0x0c],
  );
  writer.text(topic(decisions));
  if ((flags & 6) !== 0) writer.uint16(decisions.of(PACKET_IDS));
  writeProperties(writer, { decisions, known: PROPERTIES.publish, version });
  writer.raw(decisions.of(PAYLOADS));
  return writer.packet((PACKET.publish << 4) | flags);
}

function subscribe(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  writer.uint16(decisions.of(PACKET_IDS));
  writeProperties(writer, { decisions, known: PROPERTIES.subscribe, version });
  for (let count = decisions.byte() % 4; count >= 0; count--) {
    writer.text(filter(decisions));
    writer.byte(
      decisions.of(decisions.once(80) ? [3, 0x30, 0x80] : [0, 1, 2, 0, 1, 2, 0x04, 0x08, 0x0d, 0x11, 0x20]),
    );
  }
  return writer.packet((PACKET.subscribe << 4) | 2);
}

function unsubscribe(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  writer.uint16(decisions.of(PACKET_IDS));
  writeProperties(writer, { decisions, known: PROPERTIES.unsubscribe, version });
  for (let count = decisions.byte() % 3; count >= 0; count--) writer.text(filter(decisions));
  return writer.packet((PACKET.unsubscribe << 4) | 2);
}

/** Of what was sent, or of what was not. */
function acknowledgement(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  writer.uint16(decisions.of(PACKET_IDS));
  if (version === 5 && decisions.once(3)) writer.byte(decisions.of([0, 0x10, 0x80, 0x92, 0x97, 1]));
  const type = decisions.of([PACKET.puback, PACKET.pubrec, PACKET.pubrel, PACKET.pubcomp]);
  return writer.packet((type << 4) | (type === PACKET.pubrel ? 2 : 0));
}

function other(decisions: Decisions, version: 4 | 5): Buffer {
  const writer = new WireWriter();
  const type = decisions.of([
    PACKET.pingreq,
    PACKET.pingreq,
    PACKET.disconnect,
    PACKET.auth,
    PACKET.suback,
    0,
  ]);
  if (version === 5 && type !== PACKET.pingreq && decisions.once(2)) {
    writer.byte(decisions.of([0, 4, 0x18, 0x80, 0xff]));
    writeProperties(writer, { decisions, known: PROPERTIES.other, version });
  }
  return writer.packet(type << 4);
}

const GRAMMAR = [
  publish,
  publish,
  publish,
  subscribe,
  subscribe,
  unsubscribe,
  acknowledgement,
  acknowledgement,
  other,
];

interface Choosing {
  readonly decisions: Decisions;
  readonly known: readonly Buffer[];
  readonly version: 4 | 5;
}

function topic(decisions: Decisions): string {
  return decisions.of(decisions.once(80) ? STRANGE_TOPICS : TOPICS);
}

function filter(decisions: Decisions): string {
  return decisions.of(decisions.once(80) ? STRANGE_FILTERS : FILTERS);
}

function writeProperties(writer: WireWriter, { decisions, known, version }: Choosing): void {
  if (version === 4) return;
  const choices = decisions.once(80) ? WRONG : known;
  const count = decisions.of([0, 0, 0, 0, 1, 1, 2]);
  const section = Buffer.concat(Array.from({ length: count }, () => decisions.of(choices)));
  writer.varInt(section.length);
  writer.raw(section);
}

function damaged(packet: Buffer, decisions: Decisions): Buffer {
  const at = decisions.byte() % packet.length;
  switch (decisions.byte() % 3) {
    case 0:
      packet[at] = decisions.byte();
      return packet;
    case 1:
      return packet.subarray(0, at);
    default:
      return Buffer.concat([packet.subarray(0, at), Buffer.from([decisions.byte()]), packet.subarray(at)]);
  }
}
