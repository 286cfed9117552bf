import type { CertificateId, Clock, Transactor } from '@fleetward/core';
import type { Authorities } from './authorities.ts';
import type { CertificateRegistry } from './registry.ts';
import { type CertificateStore, toldOfCasAtMs } from './store.ts';

export interface CaFetchesOptions {
  readonly store: Pick<CertificateStore, 'setCasFetched'>;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly authorities: Authorities;
  readonly registry: CertificateRegistry;
}

/** Who has fetched the CAs (RFC 7030 §4.1) since the newest root came: device data, which is not in the trail. */
export class CaFetches {
  readonly #options: CaFetchesOptions;
  readonly #writing = new Map<CertificateId, Promise<void>>();

  constructor(options: CaFetchesOptions) {
    this.#options = options;
  }

  /** Once a certificate and newer root or cross-certificate, however often its holder asks; resolves when it is durable. */
  note(certificateId: CertificateId): Promise<void> {
    const known = this.#options.registry.find(certificateId);
    const newestAtMs = this.#newestAtMs();
    if (known === undefined || toldOfCasAtMs(known) >= newestAtMs) return Promise.resolve();
    return this.#writing.get(certificateId) ?? this.#begin(certificateId, newestAtMs);
  }

  #begin(certificateId: CertificateId, newestAtMs: number): Promise<void> {
    const written = this.#write(certificateId, newestAtMs).finally(() => this.#writing.delete(certificateId));
    this.#writing.set(certificateId, written);
    return written;
  }

  async #write(certificateId: CertificateId, newestAtMs: number): Promise<void> {
    const { store, transactor, clock, registry } = this.#options;
    // A clock that was set back must not have it written at each request.
    const atMs = Math.max(clock.now(), newestAtMs);
    await transactor.transact(async (tx) => {
      await store.setCasFetched(tx, { certificateId, atMs });
      tx.afterCommit(() => registry.setCasFetched(certificateId, atMs));
    });
  }

  #newestAtMs(): number {
    const bridging = this.#options.authorities
      .all()
      .filter(({ kind, state }) => kind !== 'issuing' && state !== 'removed');
    return Math.max(0, ...bridging.map(({ createdAtMs }) => createdAtMs));
  }
}
