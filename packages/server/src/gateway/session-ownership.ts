import { type CertificateId, type Random, toHex } from '@fleetward/core';
import { type Connection, MqttError, type PublishedMessage, REASON } from '@fleetward/mqtt';
import type { BusMessage, Epoch, GatewayBus, PublishedByDevice, SessionLeases } from './bus.ts';
import { RecentIds } from './recent-ids.ts';

/** What several gateways share. */
export interface ClusterParts {
  readonly bus: GatewayBus;
  readonly leases: SessionLeases;
}

interface OwnershipParts extends ClusterParts {
  readonly random: Random;
  /** Cuts every connection of the certificate at this gateway. */
  readonly cut: (certificateId: CertificateId) => void;
  /** Routes a message of another gateway's device to the subscribers here. */
  readonly deliver: (message: PublishedByDevice) => void;
}

/** One connection's hold on a client id, from before its epoch is asked for until it ends. */
export interface Claim {
  readonly clientId: string;
  /** 0 until it is given. */
  epoch: Epoch;
  /** The highest epoch that was heard for this client id meanwhile. */
  heard: Epoch;
  connection: Pick<Connection<unknown>, 'disconnect'> | undefined;
}

/** `lost`: another connection claimed the client id later, or nobody could say who did. */
export type ClaimOutcome = { readonly kind: 'held'; readonly claim: Claim } | { readonly kind: 'lost' };

/** Of one gateway run; 1,024 ids are 8 KiB. */
const windowIds = 1_024;
const originsMax = 64;

/**
 * Which sessions are this gateway's, among several (docs/adr/0007): the highest epoch owns a client id. Every message may come
 * late, twice or out of order.
 */
export class SessionOwnership {
  /** What the bus did to us, for whoever watches it. */
  readonly counts = { repeated: 0, late: 0, stale: 0, undeliverable: 0 };
  readonly #parts: OwnershipParts;
  readonly #node: string;
  readonly #claims = new Map<string, Set<Claim>>();
  /** Final, so never forgotten: as many as operators revoked since the start. */
  readonly #revoked = new Set<CertificateId>();
  readonly #recent = new RecentIds({ windowIds, originsMax });
  readonly #unsubscribe: () => void;
  #lastId = 0;

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#node = toHex(parts.random.bytes(8));
    this.#unsubscribe = parts.bus.subscribe((message) => this.#receive(message));
  }

  /** Asks for an epoch. What is not connected in the turn of the answer is released by itself. */
  async claim(clientId: string): Promise<ClaimOutcome> {
    const claim: Claim = { clientId, epoch: 0, heard: 0, connection: undefined };
    // Before asking: a higher claim may be heard of before our own answer is here.
    this.#keep(claim);
    try {
      claim.epoch = await this.#parts.leases.claim(clientId, this.#node);
    } catch {
      this.release(claim);
      return { kind: 'lost' };
    }
    if (claim.heard > claim.epoch) {
      this.release(claim);
      return { kind: 'lost' };
    }
    // The broker decides in the microtasks after this; a peer that went away meanwhile never connects.
    setImmediate(() => {
      if (claim.connection === undefined) this.release(claim);
    });
    return { kind: 'held', claim };
  }

  /** The session is there: earlier ones end, here and elsewhere. */
  connected(claim: Claim, connection: Pick<Connection<unknown>, 'disconnect'>): void {
    const { clientId, epoch } = claim;
    claim.connection = connection;
    this.#hear(clientId, epoch);
    if (claim.heard > epoch) return;
    this.#parts.bus.publish({ kind: 'session-claimed', clientId, epoch, node: this.#node });
  }

  release(claim: Claim): void {
    const claims = this.#claims.get(claim.clientId);
    claims?.delete(claim);
    if (claims?.size === 0) this.#claims.delete(claim.clientId);
  }

  /** Heard from any gateway; this one's registry may not know yet. */
  isRevoked(certificateId: CertificateId): boolean {
    return this.#revoked.has(certificateId);
  }

  announceRevoked(certificateId: CertificateId): void {
    this.#revoked.add(certificateId);
    this.#parts.bus.publish({ kind: 'certificate-revoked', certificateId });
  }

  announcePublished({ topic, payload, qos }: PublishedMessage): void {
    this.#lastId++;
    // A copy: the payload is the reader's buffer, which is used again.
    const message = { kind: 'published', node: this.#node, id: this.#lastId, topic, qos } as const;
    this.#parts.bus.publish({ ...message, payload: new Uint8Array(payload) });
  }

  leave(): void {
    this.#unsubscribe();
  }

  #receive(message: BusMessage): void {
    switch (message.kind) {
      case 'session-claimed':
        this.#hear(message.clientId, message.epoch);
        break;
      case 'certificate-revoked':
        this.#revoked.add(message.certificateId);
        this.#parts.cut(message.certificateId);
        break;
      case 'published':
        this.#receivePublished(message);
    }
  }

  #receivePublished(message: PublishedByDevice): void {
    if (message.node === this.#node) return;
    const verdict = this.#recent.see(message.node, message.id);
    if (verdict !== 'new') this.counts[verdict]++;
    if (verdict === 'repeated' || verdict === 'stale') return;
    try {
      this.#parts.deliver(message);
    } catch (error) {
      // Its gateway has other limits on topics than this one.
      if (!(error instanceof MqttError)) throw error;
      this.counts.undeliverable++;
    }
  }

  /** Only a strictly higher epoch takes over, so repeated and late claims change nothing. */
  #hear(clientId: string, epoch: Epoch): void {
    for (const claim of [...(this.#claims.get(clientId) ?? [])]) {
      claim.heard = Math.max(claim.heard, epoch);
      if (claim.connection !== undefined && claim.heard > claim.epoch) endSession(claim.connection);
    }
  }

  #keep(claim: Claim): void {
    const claims = this.#claims.get(claim.clientId) ?? new Set();
    this.#claims.set(claim.clientId, claims.add(claim));
  }
}

/** As the broker does for a newcomer of its own (MQTT-3.1.4-2, MQTT5-3.1.4-3). */
function endSession(connection: Pick<Connection<unknown>, 'disconnect'>): void {
  connection.disconnect(REASON.sessionTakenOver, { reason: 'DUPLICATE_CLIENTID', sendWill: true });
}
