import type { CertificateId } from '@fleetward/core';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import { CertificatesError } from './errors.ts';
import type { AuthorityRecord, CertificateStore } from './store.ts';

/** A CA of the platform; the certificate is parsed once, so that checks against it are not repeated. */
export interface Authority extends AuthorityRecord {
  readonly certificate: Certificate;
}

/** What path validation starts from: removed authorities are in neither list. */
export interface Trust {
  readonly roots: readonly Certificate[];
  /** Issuing CAs, and cross-certificates of roots. */
  readonly issuers: readonly Certificate[];
}

/** The platform's CAs in memory. Changed in the tick of each commit. */
export class Authorities {
  #all: readonly Authority[] = [];
  #trust: Trust = { roots: [], issuers: [] };

  async load(store: CertificateStore): Promise<void> {
    const records = await store.authorities();
    this.#replace(records.map(parsed));
  }

  all(): readonly Authority[] {
    return this.#all;
  }

  trust(): Trust {
    return this.#trust;
  }

  find(certificateId: CertificateId): Authority | undefined {
    return this.#all.find((authority) => authority.certificateId === certificateId);
  }

  /** Throws `certificates.no_issuing_ca`. */
  issuing(): Authority {
    const active = this.activeIssuer();
    if (active !== undefined) return active;
    throw new CertificatesError('certificates.no_issuing_ca', 'the platform has no active issuing CA');
  }

  /** The newest active issuing CA. */
  activeIssuer(): Authority | undefined {
    const active = this.#all.filter(({ kind, state }) => kind === 'issuing' && state === 'active');
    return active.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
  }

  add(records: readonly AuthorityRecord[]): void {
    this.#replace([...this.#all, ...records.map(parsed)]);
  }

  setState(certificateId: CertificateId, state: AuthorityRecord['state']): void {
    this.#replace(
      this.#all.map((known) => (known.certificateId === certificateId ? { ...known, state } : known)),
    );
  }

  #replace(all: readonly Authority[]): void {
    const trusted = all.filter(({ state }) => state !== 'removed');
    const certificatesOf = (...kinds: readonly AuthorityRecord['kind'][]) =>
      trusted.filter(({ kind }) => kinds.includes(kind)).map(({ certificate }) => certificate);
    this.#all = all;
    this.#trust = { roots: certificatesOf('root'), issuers: certificatesOf('issuing', 'cross') };
  }
}

function parsed(record: AuthorityRecord): Authority {
  return { ...record, certificate: parseCertificate(record.der) };
}
