import type { CertificateId, Clock, Transaction } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import type { IssuanceLog } from '../issuance-log/index.ts';
import { isConflict } from '../store-error.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { CertificatesError } from './errors.ts';
import { recordOf, type SignedCertificate } from './issuance.ts';
import type { CertificateRegistry } from './registry.ts';
import type { CertificateRecord, CertificateStore, CertificateSummary } from './store.ts';

/** So that the payload of an entry stays far below its bound. */
const certificatesPerEntryMax = 100;

export interface RecorderOptions {
  readonly store: CertificateStore;
  readonly trail: Pick<Trail, 'append'>;
  readonly issuanceLog: Pick<IssuanceLog, 'pend'>;
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
}

/** A certificate that a vendor CA issued, to be taken up. */
export interface VendorsCertificate {
  readonly certificate: Certificate;
  readonly vendorCaId: CertificateId;
  readonly state: Exclude<CertificateRecord['state'], 'REVOKED'>;
}

/** Makes certificates part of the platform: records, trail and, where it issued them, the issuance log, in one transaction. */
export class Recorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Throws `certificates.exists` for a serial or certificate that is there already. */
  async record(tx: Transaction, { record }: SignedCertificate, actor: Actor): Promise<void> {
    const { store, issuanceLog, trail } = this.#options;
    await conflictTold([record], () => store.add(tx, record));
    await issuanceLog.pend(tx, [record.certificateId]);
    await trail.append(tx, { kind: 'certificate.issued', actor, payload: issuedPayload(record) });
    this.#afterCommit(tx, [record]);
  }

  /** As `record` for many, with fewer entries in the trail. */
  async recordAll(tx: Transaction, signed: readonly SignedCertificate[], actor: Actor): Promise<void> {
    const { store, issuanceLog, trail } = this.#options;
    const records = signed.map(({ record }) => record);
    await conflictTold(records, () => store.addAll(tx, records));
    await issuanceLog.pend(
      tx,
      records.map(({ certificateId }) => certificateId),
    );
    for (let at = 0; at < records.length; at += certificatesPerEntryMax) {
      const certificates = records.slice(at, at + certificatesPerEntryMax).map(issuedPayload);
      await trail.append(tx, { kind: 'certificate.batch_issued', actor, payload: { certificates } });
    }
    this.#afterCommit(tx, records);
  }

  /**
   * It is not in the issuance log, which vouches for what the platform issued, and on no CRL: the registry's state decides. Throws
   * `certificates.exists` for a serial or certificate that is there already.
   */
  async recordVendors(tx: Transaction, given: VendorsCertificate, actor: Actor): Promise<void> {
    const { store, trail, clock } = this.#options;
    const { certificate, vendorCaId: certificateId, state } = given;
    const facts = { issuer: { certificateId }, profile: 'vendor', issuedAtMs: clock.now() } as const;
    const record = { ...recordOf(certificate, facts), state };
    await conflictTold([record], () => store.add(tx, record));
    await trail.append(tx, { kind: 'certificate.registered', actor, payload: issuedPayload(record) });
    this.#afterCommit(tx, [record]);
  }

  #afterCommit(tx: Transaction, records: readonly CertificateRecord[]): void {
    tx.afterCommit(() => {
      for (const record of records) this.#options.registry.add(summaryOf(record));
    });
  }
}

async function conflictTold(records: readonly CertificateRecord[], add: () => Promise<void>): Promise<void> {
  try {
    await add();
  } catch (cause) {
    if (!isConflict(cause)) throw cause;
    const [{ certificateId }, ...others] = records as readonly [CertificateRecord];
    const which =
      others.length === 0 ? `the certificate \`${certificateId}\`` : `one of ${records.length} certificates`;
    const message = `${which} or its serial number is there already; nothing was kept`;
    throw new CertificatesError('certificates.exists', message, { cause });
  }
}

function issuedPayload(record: CertificateRecord) {
  const { certificateId, serial, issuerId, profile, subject, notAfterMs, state } = record;
  return { certificateId, serial, issuerId, profile, subject, notAfterMs, state };
}

function summaryOf({ der: _der, subject: _subject, ...summary }: CertificateRecord): CertificateSummary {
  return summary;
}
