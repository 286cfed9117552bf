/** Never used again once given out: a session that begins anew under the same client id gets another. */
export type SessionNumber = number;
/** Rising with every message that is stored. */
export type MessageNumber = number;

/** A session that outlives its connections. */
export interface StoredSession {
  readonly session: SessionNumber;
  readonly clientId: string;
  /** Who may resume it; another owner of the same client id gets a new session. */
  readonly owner: string;
  /** Who connected as it last, in words of the broker's owner, who is asked for its rights by them after a restart. */
  readonly principal: string;
  /** The fencing epoch it was last claimed with (docs/adr/0007); 0 where one gateway is alone. */
  readonly epoch: number;
  /** From the end of its connection; 0xffffffff: never expires. */
  readonly expirySeconds: number;
  /** Undefined while it is connected, and after a crash: then it counts from the start. */
  readonly disconnectedAtMs: number | undefined;
}

export interface StoredSubscription {
  readonly session: SessionNumber;
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0: none. */
  readonly identifier: number;
}

/** Stored once for all sessions that are owed it. */
export interface StoredMessage {
  readonly message: MessageNumber;
  /** A whole MQTT 5 PUBLISH with QoS 0: topic, properties that are passed on, payload. */
  readonly packet: Uint8Array;
  /** Unix milliseconds; 0: never. */
  readonly expiresAtMs: number;
}

/**
 * A message owed to a session. The packet identifier it is sent with follows from `seq` alone, so that it is the same after a
 * crash (MQTT-4.4.0-1) without a write of its own.
 */
export interface StoredDelivery {
  readonly session: SessionNumber;
  /** 1, 2, 3… for each session. */
  readonly seq: number;
  readonly message: MessageNumber;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  /** The share name of the shared subscription it is owed by; empty: none. */
  readonly shareName: string;
  /** QoS 2: PUBREC was received, only PUBREL is sent from here on. */
  readonly isReleased: boolean;
}

/** A QoS 2 packet identifier of the client for which PUBREL has not come yet. */
export interface StoredInbound {
  readonly session: SessionNumber;
  readonly packetId: number;
}

export interface StoredRetained {
  readonly topic: string;
  /** As in `StoredMessage`. */
  readonly packet: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly expiresAtMs: number;
  /** Who sent it, and pays for it until it is replaced; empty: nobody. */
  readonly owner: string;
}

/** A will that waits for its delay, or for the return of its client. */
export interface StoredWill {
  readonly session: SessionNumber;
  /** As in `StoredMessage`. */
  readonly packet: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly delaySeconds: number;
}

/** One step of a batch. `…-gone` of what is not there changes nothing. */
export type StoreChange =
  | ({ readonly kind: 'session' } & StoredSession)
  /** With its subscriptions, deliveries, inbound identifiers and will. */
  | { readonly kind: 'session-gone'; readonly session: SessionNumber }
  | ({ readonly kind: 'subscription' } & StoredSubscription)
  | { readonly kind: 'subscription-gone'; readonly session: SessionNumber; readonly filter: string }
  | ({ readonly kind: 'message' } & StoredMessage)
  | { readonly kind: 'message-gone'; readonly message: MessageNumber }
  | ({ readonly kind: 'delivery' } & StoredDelivery)
  | { readonly kind: 'delivery-released'; readonly session: SessionNumber; readonly seq: number }
  | { readonly kind: 'delivery-gone'; readonly session: SessionNumber; readonly seq: number }
  | ({ readonly kind: 'inbound' } & StoredInbound)
  | ({ readonly kind: 'inbound-gone' } & StoredInbound)
  | ({ readonly kind: 'retained' } & StoredRetained)
  | { readonly kind: 'retained-gone'; readonly topic: string }
  | ({ readonly kind: 'will' } & StoredWill)
  | { readonly kind: 'will-gone'; readonly session: SessionNumber };

/** What the last run left, each list in the order of its numbers. */
export interface StoredState {
  readonly sessions: readonly StoredSession[];
  readonly subscriptions: readonly StoredSubscription[];
  readonly messages: readonly StoredMessage[];
  readonly deliveries: readonly StoredDelivery[];
  readonly inbound: readonly StoredInbound[];
  readonly retained: readonly StoredRetained[];
  readonly wills: readonly StoredWill[];
  /** The highest numbers ever given out, those of what is gone included. */
  readonly lastSession: SessionNumber;
  readonly lastMessage: MessageNumber;
}

/** `full`: there is no room for it. Nothing of the batch was done, and it may be given again. */
export type CommitOutcome = 'durable' | 'full';

/**
 * What of the broker's memory survives a kill -9. The broker holds all of it in memory and writes what changes; one `commit` is
 * under way at a time.
 */
export interface MessageStore {
  /** Called once, before the first `commit`. */
  load(): Promise<StoredState>;
  /** Atomic, and durable when it resolves so; the caller does not change the array. A rejection means that its fate is unknown: the broker stops. */
  commit(changes: readonly StoreChange[]): Promise<CommitOutcome>;
  close(): Promise<void>;
}
