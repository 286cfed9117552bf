/** Counters since the start, but for the gauges at the top. */
export interface BrokerMetrics {
  /** Now: streams, those still before CONNECT included. */
  connections: number;
  /** Now. */
  subscriptions: number;
  /** Now. */
  retainedMessages: number;
  /** Now: of their packets, and 200 for each level of their topics in memory. */
  retainedBytes: number;
  /** Now: sessions that outlive their connection. */
  storedSessions: number;
  /** Now: messages they are owed, counted for each session. */
  storedMessages: number;
  /** Now: bytes of those messages, each counted once, and of subscriptions, wills and inbound identifiers of such sessions. */
  storedBytes: number;
  /** Now: owners that keep sessions or retained messages. */
  owners: number;
  /** Now: on their way to the disk. */
  uncommittedBytes: number;
  /** Now: 1 while the disk has no room for them, else 0. */
  diskFull: number;
  connectsAccepted: number;
  connectsRefused: number;
  connectTimeouts: number;
  connectionsOverLimit: number;
  takeovers: number;
  keepAliveTimeouts: number;
  protocolErrors: number;
  bytesReceived: number;
  bytesSent: number;
  messagesReceived: number;
  messagesSent: number;
  publishesDenied: number;
  subscriptionsDenied: number;
  /** Deliveries that the receiver's policy withheld. */
  messagesWithheld: number;
  /** QoS 0 deliveries dropped for a consumer that does not keep up. */
  messagesDropped: number;
  messagesExpired: number;
  /** Deliveries above the Maximum Packet Size of a client. */
  messagesTooLarge: number;
  /** Messages with RETAIN that found no room: refused, or with QoS 0 only routed. */
  retainedRefused: number;
  /** Given to another member of a shared subscription as the one before did not acknowledge them. */
  messagesHandedOn: number;
  slowConsumersCut: number;
  readsPaused: number;
  /** Sessions that ended as their clients did not come back in time. */
  sessionsExpired: number;
  /** CONNECTs refused as there is no room for the session they ask for. */
  sessionsRefused: number;
  /** Sessions that ended as they, or all of their owner, were owed more than the limits allow. */
  sessionsDropped: number;
  /** Messages refused as there is no room to keep them, be it by a limit or on the disk. */
  publishesRefused: number;
  /** Batches that were made durable. */
  commits: number;
  willsPublished: number;
  willsDenied: number;
  /** What threw where nobody could answer for it: hooks mostly. Each costs at most its connection. */
  faults: number;
}

export function newBrokerMetrics(): BrokerMetrics {
  return {
    connections: 0,
    subscriptions: 0,
    retainedMessages: 0,
    retainedBytes: 0,
    storedSessions: 0,
    storedMessages: 0,
    storedBytes: 0,
    owners: 0,
    uncommittedBytes: 0,
    diskFull: 0,
    connectsAccepted: 0,
    connectsRefused: 0,
    connectTimeouts: 0,
    connectionsOverLimit: 0,
    takeovers: 0,
    keepAliveTimeouts: 0,
    protocolErrors: 0,
    bytesReceived: 0,
    bytesSent: 0,
    messagesReceived: 0,
    messagesSent: 0,
    publishesDenied: 0,
    subscriptionsDenied: 0,
    messagesWithheld: 0,
    messagesDropped: 0,
    messagesExpired: 0,
    messagesTooLarge: 0,
    retainedRefused: 0,
    messagesHandedOn: 0,
    slowConsumersCut: 0,
    readsPaused: 0,
    sessionsExpired: 0,
    sessionsRefused: 0,
    sessionsDropped: 0,
    publishesRefused: 0,
    commits: 0,
    willsPublished: 0,
    willsDenied: 0,
    faults: 0,
  };
}
