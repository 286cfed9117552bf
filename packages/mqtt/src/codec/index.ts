// `@fleetward/mqtt/codec`: what a client is made of, without the broker.
export { MqttError } from '../errors.ts';
export { isFailure, REASON, type ReasonCode } from '../reason-codes.ts';
export { matchesFilter } from '../topics/matches.ts';
export { assertTopicFilter, assertTopicName, parseSharedFilter } from '../topics/names.ts';
export type { ConnackPacket } from './connack.ts';
export type { ConnectPacket, Will } from './connect.ts';
export { encodePacket, type Packet } from './packet.ts';
export { PacketReader } from './packet-reader.ts';
export { NO_PROPERTIES, type Properties } from './properties.ts';
export type { PublishPacket } from './publish.ts';
