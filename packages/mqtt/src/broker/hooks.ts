import type { ClientId } from '@fleetward/core';
import type { Will } from '../codec/connect.ts';
import type { ProtocolVersion, Qos } from '../codec/packet-type.ts';
import type { Properties, UserProperty } from '../codec/properties.ts';
import type { ReasonCode } from '../reason-codes.ts';
import type { DisconnectReason } from '../session/effects.ts';
import type { BrokerLimits } from './limits.ts';
import type { QueueLimit } from './shares.ts';

/** A CONNECT that is well formed and that the broker could serve. */
export interface ConnectRequest {
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: ClientId;
  /** The client sent none and was given this one. */
  readonly isClientIdAssigned: boolean;
  /** It asks for a session that outlives the connection. */
  readonly isPersistent: boolean;
  readonly cleanStart: boolean;
  readonly keepAliveSeconds: number;
  readonly will?: Will;
  readonly username?: string;
  readonly password?: Uint8Array;
  readonly userProperties: readonly UserProperty[];
}

export type ConnectVerdict =
  | {
      readonly kind: 'accept';
      readonly access: Access;
      /**
       * Whose session it is: another owner of the same client id gets a new one. What all sessions and retained messages of an owner may
       * take is bounded. Default: nobody's in particular, and bounded only together with everybody's.
       */
      readonly owner?: string;
      /** Who connects, in words by which `accessOf` knows it again after a restart. */
      readonly principal?: string;
      /** The fencing epoch it was claimed with, where several brokers share sessions. */
      readonly epoch?: number;
      /** Its session ends with its connection, whatever it asked for; MQTT 5 is told so. Default false. */
      readonly isTransient?: boolean;
    }
  | {
      readonly kind: 'refuse';
      /** MQTT 5's; 3.1.1 is told the nearest it has. */
      readonly reasonCode: ReasonCode;
      /** Told to MQTT 5 clients as the reason string: nothing secret. */
      readonly why?: string;
    };

/** What one connection may do. Asked for every packet and every delivery, so it must be cheap. A throw is a denial. */
export interface Access {
  mayPublish(topic: string, retain: boolean): boolean;
  maySubscribe(filter: string): boolean;
  /** `shareName`: as a member of a shared subscription of that name. */
  mayReceive(topic: string, shareName?: string): boolean;
}

/** A limit that bit, by the name of its setting. */
export type LimitName = keyof BrokerLimits;

export interface Connection<Peer> {
  /** Empty until a CONNECT is accepted. */
  readonly clientId: string;
  readonly peer: Peer;
  readonly protocolVersion: ProtocolVersion;
  readonly connectedAtMs: number;
  readonly isOpen: boolean;
  readonly subscriptions: Iterable<string>;
  readonly access: Access;
  /** From the very next packet on. */
  replaceAccess(access: Access): void;
  /**
   * Sends a message of the platform's own to this client alone, if it may receive it and, unless that is `unasked`, is subscribed to
   * it; with QoS 0, so that nothing of it is ever kept. Throws `MqttError` for what is no topic name.
   */
  sendOwn(topic: string, payload: Uint8Array, options?: { readonly unasked?: boolean }): SendOutcome;
  /** Cuts the connection now, also when the peer does not read; MQTT 5 is told the reason if its socket takes it. */
  disconnect(reasonCode: ReasonCode, options?: DisconnectOptions): void;
}

/** `withheld`: it may not receive it. `dropped`: it does not keep up. */
export type SendOutcome = 'sent' | 'unsubscribed' | 'withheld' | 'dropped' | 'closed';

/** A session as its broker holds it, connected or not. */
export interface HeldSession {
  readonly clientId: string;
  readonly owner: string;
  readonly principal: string;
  readonly isConnected: boolean;
  /** Of its connection, or of the last one it had. */
  readonly access: Access;
  /** From the very next message on: what may not be received is not kept for it either. */
  replaceAccess(access: Access): void;
}

export interface DisconnectOptions {
  /** Default true. */
  readonly sendWill?: boolean;
  /** Default `API_INITIATED_DISCONNECT`. */
  readonly reason?: DisconnectReason;
}

/**
 * What the owner of a broker decides and hears. Only `connect` may wait. A throw never reaches further than its connection:
 * `connected`, `reserved`, `published`, `subscribed` and `unsubscribed` end it, the others change nothing.
 */
export interface BrokerHooks<Peer> {
  /** Decides a CONNECT; a throw or rejection refuses it. */
  connect(request: ConnectRequest, peer: Peer): ConnectVerdict | Promise<ConnectVerdict>;
  connected?(connection: Connection<Peer>): void;
  /** Once for each `connected`. */
  disconnected?(connection: Connection<Peer>, reason: DisconnectReason): void;
  /** A CONNECT was refused, before `connect` could be asked, as its client id cannot be one. */
  clientIdRefused?(connection: Connection<Peer>, clientId: string): void;
  /** What the peer sent ended its connection, be it before CONNACK; `why` tells an operator what was wrong with it. */
  violated?(connection: Connection<Peer>, why: string): void;
  /** A limit bit: at most once a packet, so count rather than log. */
  limited?(connection: Connection<Peer>, limit: LimitName): void;
  /** Sees each allowed message, wills included, to a topic that begins with `$`; true: it is dealt with and not routed. The payload is valid during the call. */
  reserved?(connection: Connection<Peer>, message: ReservedMessage): boolean;
  /**
   * Hears each message of a device, wills included, and of the platform that is about to be routed, in the order of routing; no
   * connection: a will of an earlier run, or the platform's own. All bytes are valid during the call. Answers with the shared subscriptions (`$share/NAME/FILTER`) of which it goes
   * to a member at another broker.
   */
  published?(
    connection: Connection<Peer> | undefined,
    message: PublishedMessage,
  ): ReadonlySet<string> | undefined;
  /** A shared subscription has so many members now, away or not. */
  sharedMembers?(subscription: string, members: number): void;
  /**
   * No member here can take what one that is gone did not acknowledge; true: one of another broker gets it. All bytes are valid
   * during the call.
   */
  orphaned?(message: PublishedMessage, shareName: string): boolean;
  /**
   * The rights of a session that an earlier run left, as far as they are known: undefined, or a throw, keeps for it what comes
   * until its client is back and may be asked about, and denies its will.
   */
  accessOf?(session: HeldSession): Access | undefined;
  /** It, or all of its owner, was owed more than the limits allow, so it ended: its client finds none when it is back. */
  sessionDropped?(session: HeldSession, limit: QueueLimit): void;
  /** The disk has no room for what is to be kept, or has again: nothing is lost, and nothing of it acknowledged meanwhile. */
  diskFull?(isFull: boolean): void;
  /** What this connection asked to be kept was refused as the disk has no room: at most once a packet. */
  refusedByDisk?(connection: Connection<Peer>): void;
  /** The store did not say whether a batch is durable: everybody is disconnected and nobody may connect any more. */
  storeFailed?(error: unknown): void;
  subscribed?(connection: Connection<Peer>, filter: string): void;
  unsubscribed?(connection: Connection<Peer>, filter: string): void;
  /** A listening hook, or the broker itself, threw. Write it to a log. */
  failed?(connection: Connection<Peer> | undefined, error: unknown): void;
}

/** What another broker needs to know to do with a message as this one does. */
export interface PublishedMessage extends ReservedMessage {
  readonly retain: boolean;
  /** As they came: an alias or a will's delay among them is not for others. */
  readonly properties: Properties;
  /** Whose share of what is retained it takes; empty for the platform's own. */
  readonly owner: string;
}

/** `taken`: routed, so many times. `refused`: not routed, as this limit or the disk leaves no room. `unavailable`: what became of it is not known. */
export type SubmitOutcome =
  | { readonly kind: 'taken'; readonly copies: number }
  | { readonly kind: 'refused'; readonly limit: LimitName | 'disk' }
  | { readonly kind: 'unavailable' };

/** A message that another broker's client published. */
export interface ForwardedMessage extends PublishedMessage {
  /** The shared subscriptions of which a member here is to have it. */
  readonly shares: readonly string[];
  /** Whether it is also for the subscriptions that are not shared. */
  readonly isForAll: boolean;
}

export interface ReservedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
}
