import type { CertificateId } from '@fleetward/core';
import type { Properties, Qos } from '@fleetward/mqtt';

/** Above 0; of two claims to one client id the later has the higher one. */
export type Epoch = number;

/** What gateways tell each other. `node` names one run of one gateway. */
export type BusMessage =
  | {
      readonly kind: 'session-claimed';
      readonly clientId: string;
      readonly epoch: Epoch;
      readonly node: string;
    }
  | { readonly kind: 'certificate-revoked'; readonly certificateId: CertificateId }
  /** Of what is said of a certificate the latest holds; of two at one time the one that suspends. */
  | {
      readonly kind: 'certificate-suspension';
      readonly certificateId: CertificateId;
      readonly isSuspended: boolean;
      readonly atMs: number;
    }
  /** The others say how many members they have. */
  | { readonly kind: 'gateway-joined'; readonly node: string }
  /** Its last word: whatever is heard of this run later is old. */
  | { readonly kind: 'gateway-left'; readonly node: string }
  | SharedMembers
  | PublishedByDevice;

/** How many members of a shared subscription a gateway has. */
export interface SharedMembers {
  readonly kind: 'shared-members';
  readonly node: string;
  /** Rises with each change at the gateway. */
  readonly version: number;
  /** `$share/NAME/FILTER`. */
  readonly subscription: string;
  readonly members: number;
}

/** A shared subscription, and the gateway of which one member is to have a message. */
export interface Share {
  readonly node: string;
  readonly subscription: string;
}

export interface PublishedByDevice {
  readonly kind: 'published';
  readonly node: string;
  /** 1, 2, 3… for each node, in the order in which it routed them. */
  readonly id: number;
  /** By the clock of the node, never twice and never falling there; orders retained messages of one topic. */
  readonly stampMs: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Those that are passed on to subscribers. */
  readonly properties: Properties;
  readonly owner: string;
  readonly shares: readonly Share[];
  /** False for what a gateway passes on because no member of its own could have it. */
  readonly isForAll: boolean;
  /** How often it was passed on so. */
  readonly hops: number;
}

/** Brings each message to every gateway at least once, in any order and after any delay; to its sender too, or not. */
export interface GatewayBus {
  /** Must not throw and must not wait: it runs for each message of a device. */
  publish(message: BusMessage): void;
  /** Returns how to stop listening. The listener does not throw. */
  subscribe(listener: (message: BusMessage) => void): () => void;
}

/** Gives out fencing epochs. */
export interface SessionLeases {
  /** Durable and linearizable: above every epoch this client id was given before. Rejects in bounded time when that cannot be promised. */
  claim(clientId: string, node: string): Promise<Epoch>;
}
