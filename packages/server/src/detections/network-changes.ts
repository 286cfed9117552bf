import type { CertificateId } from '@fleetward/core';
import type { SeenFrom } from './rules.ts';

/** Beyond these a certificate's oldest change is forgotten. */
const changesMax = 64;

/**
 * The last connection from each network, one after the other: a device that stays where it is has one entry. The certificate that has not
 * connected for longest is forgotten first.
 */
export class NetworkChanges {
  forgotten = 0;
  readonly #changes = new Map<CertificateId, SeenFrom[]>();
  readonly #certificatesMax: number;

  constructor(options: { readonly certificatesMax: number }) {
    this.#certificatesMax = options.certificatesMax;
  }

  /** Answers the changes, oldest first, with this connection. */
  add(certificateId: CertificateId, connect: SeenFrom): readonly SeenFrom[] {
    const changes = this.#changes.get(certificateId) ?? [];
    if (changes.at(-1)?.network === connect.network) changes.pop();
    changes.push(connect);
    if (changes.length > changesMax) changes.shift();
    this.#changes.delete(certificateId);
    this.#changes.set(certificateId, changes);
    this.#makeRoom();
    return changes;
  }

  forget(certificateId: CertificateId): void {
    this.#changes.delete(certificateId);
  }

  #makeRoom(): void {
    if (this.#changes.size <= this.#certificatesMax) return;
    const [oldest] = this.#changes.keys();
    if (oldest === undefined) return;
    this.#changes.delete(oldest);
    this.forgotten++;
  }
}
