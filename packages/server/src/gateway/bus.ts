import type { CertificateId } from '@fleetward/core';
import type { Qos } from '@fleetward/mqtt';

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
  | PublishedByDevice;

export interface PublishedByDevice {
  readonly kind: 'published';
  readonly node: string;
  /** 1, 2, 3… for each node, in the order in which it routed them. */
  readonly id: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
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
