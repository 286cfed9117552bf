/** Which packet (or the Will inside CONNECT) a property stands in. */
export type PropertyOwner =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth';

type FlagName =
  | 'payloadFormatIndicator'
  | 'requestProblemInformation'
  | 'requestResponseInformation'
  | 'retainAvailable'
  | 'wildcardSubscriptionAvailable'
  | 'subscriptionIdentifiersAvailable'
  | 'sharedSubscriptionAvailable';
type TextName =
  | 'contentType'
  | 'responseTopic'
  | 'assignedClientIdentifier'
  | 'authenticationMethod'
  | 'responseInformation'
  | 'serverReference'
  | 'reasonString';
type Uint16Name = 'serverKeepAlive' | 'receiveMaximum' | 'topicAliasMaximum' | 'topicAlias';
type Uint32Name =
  | 'messageExpiryInterval'
  | 'sessionExpiryInterval'
  | 'willDelayInterval'
  | 'maximumPacketSize';

interface Range {
  readonly min?: number;
  readonly max?: number;
}

export type PropertySpec = { readonly owners: readonly PropertyOwner[] } & (
  | { readonly type: 'flag'; readonly name: FlagName }
  | ({ readonly type: 'byte'; readonly name: 'maximumQos' } & Range)
  | ({ readonly type: 'uint16'; readonly name: Uint16Name } & Range)
  | ({ readonly type: 'uint32'; readonly name: Uint32Name } & Range)
  | ({ readonly type: 'varInts'; readonly name: 'subscriptionIdentifiers' } & Range)
  | { readonly type: 'text'; readonly name: TextName }
  | { readonly type: 'binary'; readonly name: 'correlationData' | 'authenticationData' }
  | { readonly type: 'pairs'; readonly name: 'userProperties' }
);

const message = ['publish', 'will'] as const;
const acknowledgements = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'] as const;

/** MQTT 5 table 2-4 by identifier. Minimum values: a 0 here is a Protocol Error (sections 3.1.2.11, 3.3.2.3, 3.8.2.1). */
export const PROPERTIES: ReadonlyMap<number, PropertySpec> = new Map<number, PropertySpec>([
  [0x01, { name: 'payloadFormatIndicator', type: 'flag', owners: message }],
  [0x02, { name: 'messageExpiryInterval', type: 'uint32', owners: message }],
  [0x03, { name: 'contentType', type: 'text', owners: message }],
  [0x08, { name: 'responseTopic', type: 'text', owners: message }],
  [0x09, { name: 'correlationData', type: 'binary', owners: message }],
  [0x0b, { name: 'subscriptionIdentifiers', type: 'varInts', owners: ['publish', 'subscribe'], min: 1 }],
  [0x11, { name: 'sessionExpiryInterval', type: 'uint32', owners: ['connect', 'connack', 'disconnect'] }],
  [0x12, { name: 'assignedClientIdentifier', type: 'text', owners: ['connack'] }],
  [0x13, { name: 'serverKeepAlive', type: 'uint16', owners: ['connack'] }],
  [0x15, { name: 'authenticationMethod', type: 'text', owners: ['connect', 'connack', 'auth'] }],
  [0x16, { name: 'authenticationData', type: 'binary', owners: ['connect', 'connack', 'auth'] }],
  [0x17, { name: 'requestProblemInformation', type: 'flag', owners: ['connect'] }],
  [0x18, { name: 'willDelayInterval', type: 'uint32', owners: ['will'] }],
  [0x19, { name: 'requestResponseInformation', type: 'flag', owners: ['connect'] }],
  [0x1a, { name: 'responseInformation', type: 'text', owners: ['connack'] }],
  [0x1c, { name: 'serverReference', type: 'text', owners: ['connack', 'disconnect'] }],
  [
    0x1f,
    { name: 'reasonString', type: 'text', owners: ['connack', ...acknowledgements, 'disconnect', 'auth'] },
  ],
  [0x21, { name: 'receiveMaximum', type: 'uint16', owners: ['connect', 'connack'], min: 1 }],
  [0x22, { name: 'topicAliasMaximum', type: 'uint16', owners: ['connect', 'connack'] }],
  [0x23, { name: 'topicAlias', type: 'uint16', owners: ['publish'], min: 1 }],
  [0x24, { name: 'maximumQos', type: 'byte', owners: ['connack'], max: 1 }],
  [0x25, { name: 'retainAvailable', type: 'flag', owners: ['connack'] }],
  [
    0x26,
    {
      name: 'userProperties',
      type: 'pairs',
      owners: [
        'connect',
        'connack',
        ...message,
        ...acknowledgements,
        'subscribe',
        'unsubscribe',
        'disconnect',
        'auth',
      ],
    },
  ],
  [0x27, { name: 'maximumPacketSize', type: 'uint32', owners: ['connect', 'connack'], min: 1 }],
  [0x28, { name: 'wildcardSubscriptionAvailable', type: 'flag', owners: ['connack'] }],
  [0x29, { name: 'subscriptionIdentifiersAvailable', type: 'flag', owners: ['connack'] }],
  [0x2a, { name: 'sharedSubscriptionAvailable', type: 'flag', owners: ['connack'] }],
]);
