import type { CertificateId } from '@fleetward/core';
import { type Certificate, certificateIdOf } from '@fleetward/pki';

/**
 * Parsed certificates of devices that were admitted. Parsing, the key and the signatures cost most of an admission and are the same
 * for the same bytes; path validation keeps what it computed by these objects (`validatePath`). Whatever may change is judged anew
 * each time. The one not asked for longest is forgotten first.
 */
export class KnownCertificates {
  readonly #byId = new Map<CertificateId, Certificate>();
  readonly #certificatesMax: number;
  /** Admissions since the start that found theirs here, that did not, and those forgotten for others. */
  readonly counts = { found: 0, missed: 0, forgotten: 0 };

  constructor(options: { readonly certificatesMax: number }) {
    this.#certificatesMax = options.certificatesMax;
  }

  get size(): number {
    return this.#byId.size;
  }

  find(der: Uint8Array): Certificate | undefined {
    const id = certificateIdOf(der);
    const known = this.#byId.get(id);
    if (known === undefined) this.counts.missed++;
    else {
      this.counts.found++;
      this.#keepAs(id, known);
    }
    return known;
  }

  /** Only what a CA of the platform signed and the registry knows: nobody else can make room for it. */
  keep(certificate: Certificate): void {
    if (this.#byId.get(certificate.id) === certificate) return; // found just now
    this.#keepAs(certificate.id, certificate);
    if (this.#byId.size <= this.#certificatesMax) return;
    const [oldest] = this.#byId.keys();
    if (oldest !== undefined) this.#byId.delete(oldest);
    this.counts.forgotten++;
  }

  #keepAs(id: CertificateId, certificate: Certificate): void {
    this.#byId.delete(id);
    this.#byId.set(id, certificate);
  }
}
