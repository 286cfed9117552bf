export { type Broker, type BrokerOptions, createBroker } from './broker/broker.ts';
export type {
  Access,
  BrokerHooks,
  Connection,
  ConnectRequest,
  ConnectVerdict,
  DisconnectOptions,
  ForwardedMessage,
  HeldSession,
  LimitName,
  PublishedMessage,
  ReservedMessage,
  SendOutcome,
  SubmitOutcome,
} from './broker/hooks.ts';
export { type BrokerLimits, DEFAULT_BROKER_LIMITS, parseBrokerLimits } from './broker/limits.ts';
export type { BrokerMetrics } from './broker/metrics.ts';
export type { Will } from './codec/connect.ts';
export { FrameReader, type FrameSink } from './codec/frame-reader.ts';
export { decodePacket, encodePacket, type Packet } from './codec/packet.ts';
export { PacketReader } from './codec/packet-reader.ts';
export type { ProtocolVersion, Qos } from './codec/packet-type.ts';
export { NO_PROPERTIES, type Properties, type UserProperty } from './codec/properties.ts';
export { MqttError, type MqttErrorCode } from './errors.ts';
export { isFailure, REASON, type ReasonCode } from './reason-codes.ts';
export { type DisconnectReason, disconnectReasons } from './session/effects.ts';
export { createMemoryStore, MemoryContents } from './store/memory-store.ts';
export type {
  CommitOutcome,
  MessageNumber,
  MessageStore,
  SessionNumber,
  StoreChange,
  StoredDelivery,
  StoredInbound,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredState,
  StoredSubscription,
  StoredWill,
} from './store/message-store.ts';
export { FilterTrie } from './topics/filter-trie.ts';
export { matchesFilter } from './topics/matches.ts';
export {
  assertTopicFilter,
  assertTopicName,
  isSharedFilter,
  isTopicFilter,
  isTopicName,
  parseSharedFilter,
} from './topics/names.ts';
