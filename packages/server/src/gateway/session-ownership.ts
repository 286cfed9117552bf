import type { CertificateId, Clock } from '@fleetward/core';
import { type Connection, REASON } from '@fleetward/mqtt';
import type { BusMessage, Epoch, GatewayBus, SessionLeases } from './bus.ts';

/** What several gateways share. */
export interface ClusterParts {
  readonly bus: GatewayBus;
  readonly leases: SessionLeases;
}

interface OwnershipParts extends ClusterParts {
  /** Names this run of this gateway. */
  readonly node: string;
  /** Cuts every connection of the certificate at this gateway. */
  readonly cut: (certificateId: CertificateId) => void;
  /** Undoes for sessions of devices that are away what `cut` did. */
  readonly resume: (certificateId: CertificateId) => void;
  readonly clock: Clock;
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

/**
 * Which sessions are this gateway's, among several (docs/adr/0007): the highest epoch owns a client id. Every message may come
 * late, twice or out of order.
 */
export class SessionOwnership {
  readonly #parts: OwnershipParts;
  readonly #claims = new Map<string, Set<Claim>>();
  /** Final, so never forgotten: as many as operators revoked since the start. */
  readonly #revoked = new Set<CertificateId>();
  /** The newest of each, which makes older ones that come late nothing; as many as operators switched off since the start. */
  readonly #suspensions = new Map<CertificateId, Suspension>();
  readonly #unsubscribe: () => void;

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.bus.subscribe((message) => this.#receive(message));
  }

  /** Asks for an epoch. What is not connected in the turn of the answer is released by itself. */
  async claim(clientId: string): Promise<ClaimOutcome> {
    const claim: Claim = { clientId, epoch: 0, heard: 0, connection: undefined };
    // Before asking: a higher claim may be heard of before our own answer is here.
    this.#keep(claim);
    try {
      claim.epoch = await this.#parts.leases.claim(clientId, this.#parts.node);
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
    const { bus, node } = this.#parts;
    bus.publish({ kind: 'session-claimed', clientId, epoch, node });
  }

  release(claim: Claim): void {
    const claims = this.#claims.get(claim.clientId);
    claims?.delete(claim);
    if (claims?.size === 0) this.#claims.delete(claim.clientId);
  }

  /** Heard from any gateway; this one's registry may not know yet. */
  isBarred(certificateId: CertificateId): boolean {
    return this.#revoked.has(certificateId) || this.#suspensions.get(certificateId)?.isSuspended === true;
  }

  announceRevoked(certificateId: CertificateId): void {
    this.#revoked.add(certificateId);
    this.#parts.bus.publish({ kind: 'certificate-revoked', certificateId });
  }

  announceSuspended(certificateId: CertificateId, isSuspended: boolean): void {
    const { bus, clock } = this.#parts;
    const before = this.#suspensions.get(certificateId);
    const atMs = Math.max(clock.now(), (before?.atMs ?? 0) + 1);
    this.#suspensions.set(certificateId, { isSuspended, atMs });
    bus.publish({ kind: 'certificate-suspension', certificateId, isSuspended, atMs });
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
      case 'certificate-suspension':
        this.#hearSuspension(message);
    }
  }

  #hearSuspension({ certificateId, isSuspended, atMs }: Suspended): void {
    const before = this.#suspensions.get(certificateId);
    if (before !== undefined && !isLater({ isSuspended, atMs }, before)) return;
    this.#suspensions.set(certificateId, { isSuspended, atMs });
    if (isSuspended) this.#parts.cut(certificateId);
    else this.#parts.resume(certificateId);
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

type Suspended = Extract<BusMessage, { kind: 'certificate-suspension' }>;
type Suspension = Pick<Suspended, 'isSuspended' | 'atMs'>;

function isLater(one: Suspension, before: Suspension): boolean {
  if (one.atMs !== before.atMs) return one.atMs > before.atMs;
  return one.isSuspended && !before.isSuspended;
}

/** As the broker does for a newcomer of its own (MQTT-3.1.4-2, MQTT5-3.1.4-3). */
function endSession(connection: Pick<Connection<unknown>, 'disconnect'>): void {
  connection.disconnect(REASON.sessionTakenOver, { reason: 'DUPLICATE_CLIENTID', sendWill: true });
}
