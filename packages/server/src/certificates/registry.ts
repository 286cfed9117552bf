import type { CertificateId } from '@fleetward/core';
import { Lineage } from './lineage.ts';
import { RevocationList, type RevokedEntry } from './revocation-list.ts';
import { type SettableState, type Standing, standingOf } from './states.ts';
import {
  type CertificateRecord,
  type CertificateState,
  type CertificateStore,
  type CertificateSummary,
  isForEver,
} from './store.ts';

/** A certificate as the records have it, but for a revocation that only journal and memory have yet. */
export type InForce = CertificateRecord & { readonly isUnrecorded?: true };

const pageSize = 1000;

/** Every certificate's state in memory, what each handshake asks. Changed in the tick of each commit. */
export class CertificateRegistry {
  readonly #certificates = new Map<CertificateId, CertificateSummary>();
  readonly lineage = new Lineage();
  /** By issuer. */
  readonly #revoked = new Map<CertificateId, RevocationList>();
  /** By issuer, then serial number. */
  readonly #bySerial = new Map<CertificateId, Map<string, CertificateId>>();

  readonly #changed: (certificateId: CertificateId) => void;

  /** `changed` is told of each certificate that is added, removed or put into another state. */
  constructor(changed: (certificateId: CertificateId) => void) {
    this.#changed = changed;
  }

  async load(store: CertificateStore): Promise<void> {
    for (let after: CertificateId | undefined; ; ) {
      const page = await store.summaries(
        after === undefined ? { limit: pageSize } : { after, limit: pageSize },
      );
      for (const certificate of page) this.add(certificate);
      after = page.at(-1)?.certificateId;
      if (after === undefined) return;
    }
  }

  add(certificate: CertificateSummary): void {
    this.lineage.add(certificate);
    const isDeleted = certificate.deletedAtMs !== undefined;
    if (!isDeleted) this.#certificates.set(certificate.certificateId, certificate);
    if (!isDeleted) this.#index(certificate);
    this.#changed(certificate.certificateId);
    if (certificate.state !== 'REVOKED') return;
    const { certificateId, serial, issuerId, notAfterMs } = certificate;
    const revokedAtMs = certificate.revokedAtMs ?? certificate.issuedAtMs;
    const reason = certificate.revocationReason ?? 'unspecified';
    this.#addRevoked({ certificateId, serial, issuerId, notAfterMs, revokedAtMs, reason });
  }

  find(certificateId: CertificateId): CertificateSummary | undefined {
    return this.#certificates.get(certificateId);
  }

  /** Only its revocation is known any more. */
  remove(certificateId: CertificateId): void {
    const known = this.#certificates.get(certificateId);
    this.#certificates.delete(certificateId);
    this.#changed(certificateId);
    if (known === undefined || known.state === 'REVOKED') return;
    this.#bySerial.get(known.issuerId)?.delete(known.serial);
  }

  /** Every certificate there is, whatever its state. */
  all(): Iterable<CertificateSummary> {
    return this.#certificates.values();
  }

  /** False for one that is not there or is revoked: it stays as it is. */
  setState(certificateId: CertificateId, state: SettableState): boolean {
    const known = this.#certificates.get(certificateId);
    if (known === undefined || known.state === 'REVOKED') return false;
    this.#certificates.set(certificateId, { ...known, state });
    this.#changed(certificateId);
    return true;
  }

  setCasFetched(certificateId: CertificateId, casFetchedAtMs: number): void {
    const known = this.#certificates.get(certificateId);
    if (known !== undefined) this.#certificates.set(certificateId, { ...known, casFetchedAtMs });
  }

  /** Only `lift` takes a certificate out of this state, and only from a hold. It need not be one the records have. */
  revoke(entry: RevokedEntry): void {
    const before = this.revocation(entry);
    if (before !== undefined && !supersedes(entry, before)) return;
    this.#addRevoked(entry);
    const known = this.#certificates.get(entry.certificateId);
    if (known === undefined) return;
    const { revokedAtMs, reason: revocationReason } = entry;
    this.#certificates.set(known.certificateId, {
      ...known,
      state: 'REVOKED',
      revokedAtMs,
      revocationReason,
    });
    this.#changed(known.certificateId);
  }

  /** Ends a hold. False when it is not this one that is in force. */
  lift(held: RevokedEntry, state: CertificateState): boolean {
    const { certificateId, issuerId, revokedAtMs } = held;
    const known = this.#certificates.get(certificateId);
    const current = this.revocation(held);
    if (known === undefined || current === undefined || isForEver(current.reason)) return false;
    if (current.revokedAtMs !== revokedAtMs) return false;
    const { revokedAtMs: _at, revocationReason: _reason, ...summary } = known;
    this.#certificates.set(certificateId, { ...summary, state });
    this.#revoked.get(issuerId)?.end(certificateId);
    this.#changed(certificateId);
    return true;
  }

  /** Revoked where it is so here, whatever the records say. */
  inForce(record: CertificateRecord): InForce {
    const entry = this.revocation(record);
    if (entry === undefined) return record;
    const { revocationReason: recorded } = record;
    const isRecorded = record.state === 'REVOKED' && !(recorded && supersedes(entry, { reason: recorded }));
    if (isRecorded) return record;
    const { revokedAtMs, reason: revocationReason } = entry;
    return { ...record, state: 'REVOKED', revokedAtMs, revocationReason, isUnrecorded: true };
  }

  revocation({
    certificateId,
    issuerId,
  }: Pick<RevokedEntry, 'certificateId' | 'issuerId'>): RevokedEntry | undefined {
    return this.#revoked.get(issuerId)?.get(certificateId);
  }

  /** Also of a certificate that is deleted, or that the records do not have. */
  revocationOf(certificateId: CertificateId): RevokedEntry | undefined {
    return this.#revoked
      .values()
      .map((entries) => entries.get(certificateId))
      .find((entry) => entry !== undefined);
  }

  /** All that is revoked of what this issuer issued. */
  revokedBy(issuerId: CertificateId): RevocationList {
    const list = this.#revoked.get(issuerId) ?? new RevocationList();
    this.#revoked.set(issuerId, list);
    return list;
  }

  /** Every revocation there is, of all issuers. */
  *allRevoked(): Iterable<RevokedEntry> {
    for (const entries of this.#revoked.values()) yield* entries.values();
  }

  /** Of a certificate that this issuer issued, expired or not; nothing when it issued none with this serial number. */
  revocationStatus(issuerId: CertificateId, serial: string): RevokedEntry | 'good' | undefined {
    const certificateId = this.#bySerial.get(issuerId)?.get(serial);
    if (certificateId === undefined) return undefined;
    return this.#revoked.get(issuerId)?.get(certificateId) ?? 'good';
  }

  countOf(issuerId: CertificateId): number {
    return this.#bySerial.get(issuerId)?.size ?? 0;
  }

  standing(certificateId: CertificateId, nowMs: number): Standing {
    const known = this.#certificates.get(certificateId);
    if (known !== undefined) return standingOf(known, nowMs);
    // A certificate that a restored backup does not have may still be known as revoked, from the journal.
    return this.revocationOf(certificateId) === undefined ? 'unknown' : 'revoked';
  }

  #addRevoked(entry: RevokedEntry): void {
    this.revokedBy(entry.issuerId).add(entry);
    this.#index(entry);
  }

  #index({ issuerId, serial, certificateId }: Pick<RevokedEntry, 'issuerId' | 'serial' | 'certificateId'>) {
    const serials = this.#bySerial.get(issuerId) ?? new Map<string, CertificateId>();
    this.#bySerial.set(issuerId, serials.set(serial, certificateId));
  }
}

/** What is for ever takes the place of a hold. */
export function supersedes(
  entry: Pick<RevokedEntry, 'reason'>,
  before: Pick<RevokedEntry, 'reason'>,
): boolean {
  return isForEver(entry.reason) && !isForEver(before.reason);
}
