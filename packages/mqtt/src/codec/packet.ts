import { malformed } from '../errors.ts';
import { type AuthPacket, decodeAuth, encodeAuth } from './auth.ts';
import { type ConnackPacket, decodeConnack, encodeConnack } from './connack.ts';
import { type ConnectPacket, decodeConnect, encodeConnect } from './connect.ts';
import { type DisconnectPacket, decodeDisconnect, encodeDisconnect } from './disconnect.ts';
import { assertShortestLength } from './frame-reader.ts';
import { type FilterBounds, PACKET, type ProtocolVersion } from './packet-type.ts';
import { decodePingreq, encodePingreq, type PingreqPacket } from './pingreq.ts';
import { decodePingresp, encodePingresp, type PingrespPacket } from './pingresp.ts';
import { decodePuback, encodePuback, type PubackPacket } from './puback.ts';
import { decodePubcomp, encodePubcomp, type PubcompPacket } from './pubcomp.ts';
import { encodePublish, type PublishPacket, publishPacket } from './publish.ts';
import { type PacketRange, PublishFrame, readPublish } from './publish-frame.ts';
import { decodePubrec, encodePubrec, type PubrecPacket } from './pubrec.ts';
import { decodePubrel, encodePubrel, type PubrelPacket } from './pubrel.ts';
import { decodeSuback, encodeSuback, type SubackPacket } from './suback.ts';
import { decodeSubscribe, encodeSubscribe, type SubscribePacket } from './subscribe.ts';
import { decodeUnsuback, encodeUnsuback, type UnsubackPacket } from './unsuback.ts';
import { decodeUnsubscribe, encodeUnsubscribe, type UnsubscribePacket } from './unsubscribe.ts';
import { WireReader } from './wire-reader.ts';

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/** Decodes the one packet in `range`; a CONNECT says its own version. Throws `MqttError` with the reason code to answer. */
export function decodePacket(bytes: Buffer, range: PacketRange & FilterBounds): Packet {
  const packet = decode(bytes, range);
  const version = packet.kind === 'connect' ? packet.protocolVersion : range.version;
  if (version === 5) assertShortestLength(range.start, range.bodyStart, range.end);
  return packet;
}

function decode(bytes: Buffer, range: PacketRange & FilterBounds): Packet {
  const { start, bodyStart, end, version } = range;
  const first = bytes[start] ?? 0;
  const reader = new WireReader(bytes, bodyStart, end);
  switch (first >> 4) {
    case PACKET.connect:
      return decodeConnect(first, reader);
    case PACKET.connack:
      return decodeConnack(first, reader, version);
    case PACKET.publish:
      return decodePublish(bytes, { start, bodyStart, end, version });
    case PACKET.puback:
      return decodePuback(first, reader, version);
    case PACKET.pubrec:
      return decodePubrec(first, reader, version);
    case PACKET.pubrel:
      return decodePubrel(first, reader, version);
    case PACKET.pubcomp:
      return decodePubcomp(first, reader, version);
    case PACKET.subscribe:
      return decodeSubscribe(first, reader, range);
    case PACKET.suback:
      return decodeSuback(first, reader, version);
    case PACKET.unsubscribe:
      return decodeUnsubscribe(first, reader, range);
    case PACKET.unsuback:
      return decodeUnsuback(first, reader, version);
    case PACKET.pingreq:
      return decodePingreq(first, reader);
    case PACKET.pingresp:
      return decodePingresp(first, reader);
    case PACKET.disconnect:
      return decodeDisconnect(first, reader, version);
    case PACKET.auth:
      return decodeAuth(first, reader, version);
    default:
      throw malformed('packet type 0 does not exist'); // section 2.1.2
  }
}

function decodePublish(bytes: Buffer, range: PacketRange): PublishPacket {
  const frame = new PublishFrame();
  readPublish(frame, bytes, range.start, range.bodyStart, range.end, range.version);
  return publishPacket(frame);
}

/** The whole packet, fixed header included. */
export function encodePacket(packet: Packet, version: ProtocolVersion): Buffer {
  switch (packet.kind) {
    case 'connect':
      return encodeConnect(packet);
    case 'connack':
      return encodeConnack(packet, version);
    case 'publish':
      return encodePublish(packet, version);
    case 'puback':
      return encodePuback(packet, version);
    case 'pubrec':
      return encodePubrec(packet, version);
    case 'pubrel':
      return encodePubrel(packet, version);
    case 'pubcomp':
      return encodePubcomp(packet, version);
    case 'subscribe':
      return encodeSubscribe(packet, version);
    case 'suback':
      return encodeSuback(packet, version);
    case 'unsubscribe':
      return encodeUnsubscribe(packet, version);
    case 'unsuback':
      return encodeUnsuback(packet, version);
    case 'pingreq':
      return encodePingreq();
    case 'pingresp':
      return encodePingresp();
    case 'disconnect':
      return encodeDisconnect(packet, version);
    case 'auth':
      return encodeAuth(packet, version);
  }
}
