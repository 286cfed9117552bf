/** The two versions this codec speaks: protocol level 4 is 3.1.1, level 5 is 5.0. */
export type ProtocolVersion = 4 | 5;

/** High four bits of the first byte (section 2.1.2). */
export const PACKET = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** `filtersMax`: more filters in one SUBSCRIBE or UNSUBSCRIBE are refused before they are read; default: no bound but the packet's. */
export interface FilterBounds {
  readonly version: ProtocolVersion;
  readonly filtersMax?: number;
}

export type Qos = 0 | 1 | 2;
