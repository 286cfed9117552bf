/** One byte, MQTT 5 section 2.4. Values from 0x80 on are failures. */
export type ReasonCode = number;

/** MQTT 5 section 2.4, table 2-6. */
export const REASON = {
  success: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const satisfies Record<string, ReasonCode>;

/** From 0x80 on a reason code is a refusal. */
export function isFailure(reasonCode: ReasonCode): boolean {
  return reasonCode >= 0x80;
}

/** The CONNACK return code of MQTT 3.1.1 (table 3.1) nearest to a v5 reason code; undefined: close without one. */
export function connackReturnCode311(reasonCode: ReasonCode): number | undefined {
  switch (reasonCode) {
    case REASON.success:
      return 0;
    case REASON.unsupportedProtocolVersion:
      return 1;
    case REASON.clientIdentifierNotValid:
      return 2;
    case REASON.serverUnavailable:
    case REASON.serverBusy:
    case REASON.connectionRateExceeded:
    case REASON.quotaExceeded:
    case REASON.unspecifiedError:
      return 3;
    case REASON.badUserNameOrPassword:
      return 4;
    case REASON.notAuthorized:
    case REASON.banned:
      return 5;
    default:
      return undefined; // MQTT-3.2.2-6
  }
}
