import { AppError, type ErrorDetails } from '@fleetward/core';
import { REASON, type ReasonCode } from './reason-codes.ts';

export type MqttErrorCode =
  | 'mqtt.malformed_packet'
  | 'mqtt.protocol_error'
  | 'mqtt.packet_too_large'
  | 'mqtt.unsupported_version'
  | 'mqtt.invalid_topic'
  | 'mqtt.invalid_filter'
  | 'mqtt.quota_exceeded'
  | 'mqtt.too_many_filters'
  | 'mqtt.invalid_limit';

/** What a peer sent (or an owner configured) is not what MQTT allows; `reasonCode` is the MQTT 5 answer. */
export class MqttError extends AppError<MqttErrorCode> {
  readonly reasonCode: ReasonCode;

  constructor(
    code: MqttErrorCode,
    message: string,
    options: { readonly reasonCode: ReasonCode; readonly cause?: unknown; readonly details?: ErrorDetails },
  ) {
    super(code, message, options);
    this.reasonCode = options.reasonCode;
  }
}

/** The bytes do not parse (MQTT 5 section 1.2, "Malformed Packet"). */
export function malformed(message: string): MqttError {
  return new MqttError('mqtt.malformed_packet', message, { reasonCode: REASON.malformedPacket });
}

/** The bytes parse but may not be sent here (MQTT 5 section 1.2, "Protocol Error"). */
export function protocolError(message: string, reasonCode: ReasonCode = REASON.protocolError): MqttError {
  return new MqttError('mqtt.protocol_error', message, { reasonCode });
}

/** More filters in one packet than are taken: a limit, not a fault of the bytes. */
export function tooManyFilters(filtersMax: number): MqttError {
  const message = `a packet with more filters than the ${filtersMax} accepted`;
  return new MqttError('mqtt.too_many_filters', message, { reasonCode: REASON.quotaExceeded });
}
