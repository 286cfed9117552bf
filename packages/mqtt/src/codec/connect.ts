import { MqttError, malformed, protocolError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import { assertTopicName } from '../topics/names.ts';
import { assertFlags, parseQos } from './fields.ts';
import { PACKET, type ProtocolVersion, type Qos } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** The message a broker publishes for a client that goes away without saying so. */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: Properties;
}

/** Section 3.1, the first packet of a connection. */
export interface ConnectPacket {
  readonly kind: 'connect';
  readonly protocolVersion: ProtocolVersion;
  /** Empty: the server assigns one. */
  readonly clientId: string;
  /** Clean Session in 3.1.1. */
  readonly cleanStart: boolean;
  readonly keepAliveSeconds: number;
  readonly will?: Will;
  readonly username?: string;
  readonly password?: Uint8Array;
  readonly properties: Properties;
}

const CLEAN_START = 0x02;
const WILL = 0x04;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;

export function decodeConnect(first: number, reader: WireReader): ConnectPacket {
  assertFlags(first, 0);
  const protocolVersion = readProtocol(reader);
  const flags = readFlags(reader, protocolVersion);
  const keepAliveSeconds = reader.uint16();
  const properties = protocolVersion === 5 ? readProperties(reader, 'connect') : NO_PROPERTIES;
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined)
    throw protocolError('authentication data comes without an authentication method'); // section 3.1.2.11.10
  const clientId = reader.text();
  const will = (flags & WILL) === 0 ? undefined : readWill(reader, flags, protocolVersion);
  const username = (flags & USERNAME) === 0 ? undefined : reader.text();
  const password = (flags & PASSWORD) === 0 ? undefined : reader.binary();
  reader.assertEnd();
  return {
    kind: 'connect',
    protocolVersion,
    clientId,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAliveSeconds,
    properties,
    ...(will === undefined ? {} : { will }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function readProtocol(reader: WireReader): ProtocolVersion {
  const name = reader.text();
  if (name !== 'MQTT' && name !== 'MQIsdp') throw unsupported(name.slice(0, 16)); // MQTT-3.1.2-1
  const level = reader.byte();
  if (name === 'MQTT' && (level === 4 || level === 5)) return level;
  throw unsupported(`${name} level ${level}`); // MQTT-3.1.2-2
}

function unsupported(shown: string): MqttError {
  const message = `the protocol \`${shown}\` is not supported: use MQTT 3.1.1 or 5`;
  return new MqttError('mqtt.unsupported_version', message, {
    reasonCode: REASON.unsupportedProtocolVersion,
  });
}

function readFlags(reader: WireReader, version: ProtocolVersion): number {
  const flags = reader.byte();
  if ((flags & 0x01) !== 0) throw malformed('the reserved CONNECT flag is set'); // MQTT-3.1.2-3
  // MQTT-3.1.2-13, -15; MQTT5-3.1.2-11, -13
  if ((flags & WILL) === 0 && (flags & 0x38) !== 0) throw malformed('will QoS or will retain without a will');
  parseQos((flags >> 3) & 3); // MQTT-3.1.2-14
  if (version === 4 && (flags & USERNAME) === 0 && (flags & PASSWORD) !== 0)
    throw malformed('a password without a user name'); // MQTT-3.1.2-22
  return flags;
}

function readWill(reader: WireReader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, 'will') : NO_PROPERTIES;
  if (properties.responseTopic !== undefined) assertTopicName(properties.responseTopic);
  const topic = reader.text();
  assertTopicName(topic);
  const payload = reader.binary();
  return { topic, payload, qos: parseQos((flags >> 3) & 3), retain: (flags & WILL_RETAIN) !== 0, properties };
}

export function encodeConnect(packet: ConnectPacket): Buffer {
  const writer = new WireWriter();
  writer.text('MQTT');
  writer.byte(packet.protocolVersion);
  writer.byte(flagsOf(packet));
  writer.uint16(packet.keepAliveSeconds);
  if (packet.protocolVersion === 5) writeProperties(writer, packet.properties, 'connect');
  writer.text(packet.clientId);
  if (packet.will !== undefined) writeWill(writer, packet.will, packet.protocolVersion);
  if (packet.username !== undefined) writer.text(packet.username);
  if (packet.password !== undefined) writer.binary(packet.password);
  return writer.packet(PACKET.connect << 4);
}

function flagsOf({ cleanStart, will, username, password }: ConnectPacket): number {
  let flags = cleanStart ? CLEAN_START : 0;
  if (will !== undefined) flags |= WILL | (will.qos << 3) | (will.retain ? WILL_RETAIN : 0);
  if (username !== undefined) flags |= USERNAME;
  if (password !== undefined) flags |= PASSWORD;
  return flags;
}

function writeWill(writer: WireWriter, will: Will, version: ProtocolVersion): void {
  if (version === 5) writeProperties(writer, will.properties, 'will');
  writer.text(will.topic);
  writer.binary(will.payload);
}
