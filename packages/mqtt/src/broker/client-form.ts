import type { ConnectPacket } from '../codec/connect.ts';
import type { ProtocolVersion } from '../codec/packet-type.ts';
import type { BrokerLimits } from './limits.ts';

/** What one client takes on this connection. */
export interface ClientForm {
  readonly version: ProtocolVersion;
  /** Its Maximum Packet Size. */
  readonly packetBytesMax: number;
  /** Messages with QoS 1 and 2 that may be under way to it (MQTT5-3.3.4-9). */
  readonly receiveMaximum: number;
  /** Topic aliases that are used towards it; 0: none (MQTT5-3.1.2-26, -27). */
  readonly topicAliasMax: number;
}

export function clientForm({ protocolVersion, properties }: ConnectPacket, limits: BrokerLimits): ClientForm {
  return {
    version: protocolVersion,
    packetBytesMax: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    topicAliasMax: Math.min(properties.topicAliasMaximum ?? 0, limits.topicAliasMax),
    receiveMaximum: Math.min(properties.receiveMaximum ?? 0xffff, limits.inflightOutMax),
  };
}
