import type { Certificate } from '@fleetward/pki';

/** At the end of its DER a certificate has its signature: so many of its bytes are different of any two. */
const endBytes = 32;

/**
 * Parsed certificates of devices that were admitted. Parsing, the key and the signatures cost most of an admission and are the same
 * for the same bytes; path validation keeps what it computed by these objects (`validatePath`). Whatever may change is judged anew
 * each time. The one not asked for longest is forgotten first.
 */
export class KnownCertificates {
  /** By the end of their DER, which costs less than a hash of it. */
  readonly #byEnd = new Map<string, Certificate>();
  readonly #certificatesMax: number;
  /** Admissions since the start that found theirs here, that did not, and those forgotten for others. */
  readonly counts = { found: 0, missed: 0, forgotten: 0 };

  constructor(options: { readonly certificatesMax: number }) {
    this.#certificatesMax = options.certificatesMax;
  }

  get size(): number {
    return this.#byEnd.size;
  }

  find(der: Uint8Array): Certificate | undefined {
    const bytes = bufferOf(der);
    const end = endOf(bytes);
    const known = this.#byEnd.get(end);
    if (known === undefined || !bytes.equals(known.der)) {
      this.counts.missed++;
      return undefined;
    }
    this.counts.found++;
    this.#keepAs(end, known);
    return known;
  }

  /** Only what a CA of the platform signed and the registry knows: nobody else can make room for it. */
  keep(certificate: Certificate): void {
    this.#keepAs(endOf(bufferOf(certificate.der)), certificate);
    if (this.#byEnd.size <= this.#certificatesMax) return;
    const [oldest] = this.#byEnd.keys();
    if (oldest !== undefined) this.#byEnd.delete(oldest);
    this.counts.forgotten++;
  }

  #keepAs(end: string, certificate: Certificate): void {
    this.#byEnd.delete(end);
    this.#byEnd.set(end, certificate);
  }
}

function bufferOf(der: Uint8Array): Buffer {
  return Buffer.isBuffer(der) ? der : Buffer.from(der.buffer, der.byteOffset, der.length);
}

function endOf(der: Buffer): string {
  return der.toString('latin1', Math.max(0, der.length - endBytes));
}
