import type { CertificateId, Clock, Signer, Transactor } from '@fleetward/core';
import { issueCrlInSlices, parseCrl } from '@fleetward/pki';
import type { Authorities, Authority } from './authorities.ts';
import type { CertificateRegistry, RevokedEntry } from './registry.ts';
import { belongsOnCrl, nextCrlNumber } from './rules.ts';
import { type CertificateStore, type CrlRecord, isForEver } from './store.ts';

export type CrlOutcome =
  | { readonly kind: 'signed'; readonly number: number; readonly atMs: number }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** No CA of the platform issued it, so that no CRL of the platform can name it. */
  | { readonly kind: 'none' };

export interface CrlPublisherOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
  readonly authorities: Authorities;
  readonly signer: (keyName: string) => Promise<Signer>;
  readonly validityMs: number;
}

interface Lane {
  current?: CrlRecord;
  running?: Promise<CrlOutcome>;
  /** The CRL that has not begun: whatever is revoked until it begins is on it. */
  next?: Promise<CrlOutcome> | undefined;
  /** A CRL was asked for and failed. */
  isOwed: boolean;
}

/** Signs the CRL of each issuer off the path of revocations; revocations that come together share the next one. */
export class CrlPublisher {
  readonly #options: CrlPublisherOptions;
  readonly #lanes = new Map<CertificateId, Lane>();

  constructor(options: CrlPublisherOptions) {
    this.#options = options;
  }

  /** Reads the CRLs in force. The registry must be loaded: a process that ended after a revocation still owes its CRL. */
  async load(): Promise<void> {
    for (const { certificateId } of this.#issuers()) {
      const current = await this.#options.store.findCrl(certificateId);
      const lane = current === undefined ? { isOwed: true } : { current, isOwed: this.#isStale(current) };
      this.#lanes.set(certificateId, lane);
    }
  }

  /** The CRL in force, as served. */
  current(issuerId: CertificateId): CrlRecord | undefined {
    return this.#lanes.get(issuerId)?.current;
  }

  /** Signs a CRL that holds everything revoked until now. Never rejects: a failure is tried again by `refresh`. */
  request(issuerId: CertificateId): Promise<CrlOutcome> {
    if (this.#options.authorities.find(issuerId) === undefined) return Promise.resolve({ kind: 'none' });
    const lane = this.#lane(issuerId);
    lane.next ??= this.#afterRunning(issuerId, lane);
    return lane.next;
  }

  /** Signs again what is past half of its validity, missing, or owed since a failure. Call it periodically. */
  refresh(): Promise<readonly CrlOutcome[]> {
    const nowMs = this.#options.clock.now();
    const due = this.#issuers().filter(({ certificateId }) => {
      const { current, isOwed } = this.#lane(certificateId);
      return isOwed || current === undefined || nowMs - current.thisUpdateMs >= this.#options.validityMs / 2;
    });
    return Promise.all(due.map(({ certificateId }) => this.request(certificateId)));
  }

  /** The CRLs in force lack something: the next `refresh` signs them all. */
  markOwed(): void {
    for (const { certificateId } of this.#issuers()) this.#lane(certificateId).isOwed = true;
  }

  /** It lacks a revocation or its reason, or still names a hold that was lifted. */
  #isStale({ issuerId, der }: CrlRecord): boolean {
    const { revoked } = parseCrl(der);
    const due = this.#due(issuerId, this.#options.clock.now());
    if (due.some(({ serial, reason }) => revoked.get(serial)?.reason !== reason)) return true;
    const held = due.filter(({ reason }) => !isForEver(reason));
    return (
      revoked.values().reduce((count, { reason }) => count + Number(reason === 'certificateHold'), 0) >
      held.length
    );
  }

  /** What a CRL that is signed now must name. */
  #due(issuerId: CertificateId, nowMs: number): readonly RevokedEntry[] {
    const { registry, validityMs } = this.#options;
    return [...registry.revokedBy(issuerId)].filter((entry) => belongsOnCrl(entry, nowMs, validityMs));
  }

  async #afterRunning(issuerId: CertificateId, lane: Lane): Promise<CrlOutcome> {
    await lane.running;
    lane.next = undefined;
    lane.running = this.#publish(issuerId, lane);
    return lane.running;
  }

  async #publish(issuerId: CertificateId, lane: Lane): Promise<CrlOutcome> {
    try {
      const crl = await this.#sign(issuerId, lane.current?.number);
      await this.#options.transactor.transact(async (tx) => {
        await this.#options.store.saveCrl(tx, crl);
        tx.afterCommit(() => {
          lane.current = crl;
          lane.isOwed = false;
        });
      });
      return { kind: 'signed', number: crl.number, atMs: this.#options.clock.now() };
    } catch (error) {
      lane.isOwed = true;
      return { kind: 'failed', error };
    }
  }

  async #sign(issuerId: CertificateId, previous: number | undefined): Promise<CrlRecord> {
    const { authorities, clock, signer, validityMs } = this.#options;
    const issuer = authorities.find(issuerId);
    if (issuer === undefined) throw new TypeError(`\`${issuerId}\` is not an authority of this platform`);
    const nowMs = clock.now();
    const number = nextCrlNumber(previous, nowMs);
    const nextUpdateMs = nowMs + validityMs;
    const der = await issueCrlInSlices({
      issuer: issuer.certificate,
      signer: await signer(issuer.keyName),
      number: BigInt(number),
      thisUpdateMs: nowMs,
      nextUpdateMs,
      revoked: this.#due(issuerId, nowMs),
    });
    return { issuerId, number, der, thisUpdateMs: nowMs, nextUpdateMs };
  }

  #issuers(): readonly Authority[] {
    return this.#options.authorities
      .all()
      .filter(({ kind, state }) => kind === 'issuing' && state !== 'removed');
  }

  #lane(issuerId: CertificateId): Lane {
    const lane = this.#lanes.get(issuerId) ?? { isOwed: true };
    this.#lanes.set(issuerId, lane);
    return lane;
  }
}
