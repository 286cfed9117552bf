import type { CertificateId } from '@fleetward/core';
import { type RecordsTaken, RevocationRecords } from './revocation-records.ts';
import { isForEver, type RevocationReason } from './store.ts';

/** A revocation as the registry knows it. `notAfterMs`: when it may leave the CRL. */
export interface RevokedEntry {
  readonly certificateId: CertificateId;
  readonly serial: string;
  readonly issuerId: CertificateId;
  readonly notAfterMs: number;
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
}

/** What was revoked at one moment, and how many: a CRL is made of nothing that comes to another number. */
export interface RevocationsTaken {
  readonly records: RecordsTaken;
  readonly revoked: number;
}

/** 320 KiB of records that mean nothing any more do not count. */
const spareRecords = 8_192;

/**
 * Every revocation of one issuer: by certificate for whoever asks, and as records in shared memory for whoever makes the CRL. Both change in
 * one call, so that neither has what the other lacks.
 */
export class RevocationList {
  readonly #entries = new Map<CertificateId, RevokedEntry>();
  #records = new RevocationRecords();

  get size(): number {
    return this.#entries.size;
  }

  get(certificateId: CertificateId): RevokedEntry | undefined {
    return this.#entries.get(certificateId);
  }

  values(): Iterable<RevokedEntry> {
    return this.#entries.values();
  }

  /** Takes the place of a hold; what is for ever stays as it is. */
  add(entry: RevokedEntry): void {
    const before = this.#entries.get(entry.certificateId);
    if (before !== undefined && isForEver(before.reason)) return;
    if (before !== undefined) this.#records.ended(before.serial);
    this.#entries.set(entry.certificateId, entry);
    this.#records.revoked(entry);
  }

  /** Ends a hold; what is for ever stays as it is. */
  end(certificateId: CertificateId): void {
    const held = this.#entries.get(certificateId);
    if (held === undefined || isForEver(held.reason)) return;
    this.#entries.delete(certificateId);
    this.#records.ended(held.serial);
    // So many holds ended since that writing all of them anew costs each of them next to nothing.
    if (this.#records.count > 2 * this.size + spareRecords) this.rewrite();
  }

  /** Nothing of it changes with what comes afterwards. */
  take(): RevocationsTaken {
    return { records: this.#records.take(), revoked: this.size };
  }

  /** Makes the records anew, of what is in force. */
  rewrite(): void {
    this.#records = new RevocationRecords();
    for (const entry of this.#entries.values()) this.#records.revoked(entry);
  }
}
