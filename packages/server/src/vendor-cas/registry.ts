import { type CertificateId, equalBytes } from '@fleetward/core';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import type { Trust } from '../certificates/index.ts';
import type { VendorCaRecord, VendorCaState } from './store.ts';

/** A vendor CA; parsed once, so that checks against it are not repeated. */
export interface VendorCa extends VendorCaRecord {
  readonly certificate: Certificate;
  /** It alone: no path leads from what it issued to any other CA. */
  readonly trust: Trust;
}

/** The vendor CAs in memory, what each handshake asks. Changed in the tick of each commit. */
export class VendorCaRegistry {
  readonly #all = new Map<CertificateId, VendorCa>();

  all(): readonly VendorCa[] {
    return [...this.#all.values()];
  }

  find(certificateId: CertificateId): VendorCa | undefined {
    return this.#all.get(certificateId);
  }

  issuersOf(leaf: Certificate): readonly VendorCa[] {
    return this.all().filter(({ certificate }) => equalBytes(certificate.subject.der, leaf.issuer.der));
  }

  add(record: VendorCaRecord): void {
    const certificate = parseCertificate(record.der);
    this.#all.set(record.certificateId, {
      ...record,
      certificate,
      trust: { roots: [certificate], issuers: [] },
    });
  }

  setState(certificateId: CertificateId, state: VendorCaState): void {
    const known = this.#all.get(certificateId);
    if (known !== undefined) this.#all.set(certificateId, { ...known, state });
  }

  remove(certificateId: CertificateId): void {
    this.#all.delete(certificateId);
  }
}
