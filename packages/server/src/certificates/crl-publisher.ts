import type { CertificateId, Clock, Signer, SignerAlgorithm, Transactor } from '@fleetward/core';
import type { Authorities, Authority } from './authorities.ts';
import { CrlBuilder } from './crl-builder.ts';
import { CertificatesError } from './errors.ts';
import type { CertificateRegistry } from './registry.ts';
import type { RevocationsTaken } from './revocation-list.ts';
import { nextCrlNumber } from './rules.ts';
import type { CertificateStore, CrlRecord } from './store.ts';

const answerTimeoutMs = 60_000;

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
  readonly warn: (message: string, error?: unknown) => void;
}

/** What the issuer is to sign, and what it was made of. */
interface ToSign extends Pick<CrlRecord, 'number' | 'thisUpdateMs' | 'nextUpdateMs'> {
  readonly tbs: Uint8Array<ArrayBuffer>;
  readonly list: RevocationsTaken;
}

interface Wanted {
  readonly issuer: Authority;
  readonly algorithm: SignerAlgorithm;
  /** The number of the CRL in force. */
  readonly previous: number | undefined;
}

interface Lane {
  current?: CrlRecord;
  running?: Promise<CrlOutcome>;
  /** The CRL that has not begun: whatever is revoked until it begins is on it. */
  next?: Promise<CrlOutcome> | undefined;
  /** A CRL was asked for and failed. */
  isOwed: boolean;
}

/**
 * Has the CRL of each issuer made and signed off the path of revocations and off the event loop; revocations that come together share the next one.
 */
export class CrlPublisher {
  readonly #options: CrlPublisherOptions;
  readonly #builder: CrlBuilder;
  readonly #lanes = new Map<CertificateId, Lane>();

  constructor(options: CrlPublisherOptions) {
    this.#options = options;
    this.#builder = new CrlBuilder({ answerTimeoutMs, warn: options.warn });
  }

  /** Reads the CRLs in force. The registry must be loaded: a process that ended after a revocation still owes its CRL. */
  async load(): Promise<void> {
    for (const { certificateId } of this.#issuers()) {
      const current = await this.#options.store.findCrl(certificateId);
      const lane =
        current === undefined ? { isOwed: true } : { current, isOwed: await this.#isStale(current) };
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

  /** CRLs that are being made are owed. */
  close(): Promise<void> {
    return this.#builder.close();
  }

  #isStale({ issuerId, der }: CrlRecord): Promise<boolean> {
    const { clock, registry, validityMs } = this.#options;
    const list = registry.revokedBy(issuerId).take();
    return this.#builder.isStale({ der, list, nowMs: clock.now(), validityMs });
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
    const issuer = this.#options.authorities.find(issuerId);
    if (issuer === undefined) throw new TypeError(`\`${issuerId}\` is not an authority of this platform`);
    const signer = await this.#options.signer(issuer.keyName);
    const { algorithm } = signer;
    const { tbs, list, ...dates } = await this.#build({ issuer, algorithm, previous });
    const signature = await signer.sign(tbs);
    const der = await this.#builder.seal({ tbs, issuerDer: issuer.der, algorithm, signature }, list);
    return { issuerId, der, ...dates };
  }

  async #build(wanted: Wanted): Promise<ToSign> {
    const first = await this.#buildOnce(wanted);
    if (first !== undefined) return first;
    // Never signed: it would lack something. The registry knows what is revoked, so the records are made of that once more.
    const { certificateId } = wanted.issuer;
    this.#options.warn(
      `what the CRL of \`${certificateId}\` is made of is not what is revoked: it is collected anew`,
    );
    this.#options.registry.revokedBy(certificateId).rewrite();
    const second = await this.#buildOnce(wanted);
    if (second !== undefined) return second;
    throw new CertificatesError('certificates.crl_failed', 'what a CRL is made of is not what is revoked');
  }

  /** Nothing when the records do not come to what is revoked. */
  async #buildOnce({ issuer, algorithm, previous }: Wanted): Promise<ToSign | undefined> {
    const { clock, registry, validityMs } = this.#options;
    // In one turn, so that nothing on it was revoked after the CRL's own time.
    const thisUpdateMs = clock.now();
    const list = registry.revokedBy(issuer.certificateId).take();
    const number = nextCrlNumber(previous, thisUpdateMs);
    const dates = { number, thisUpdateMs, nextUpdateMs: thisUpdateMs + validityMs };
    const built = await this.#builder.build({ ...dates, list, issuerDer: issuer.der, algorithm });
    return built.kind === 'built' ? { ...dates, list, tbs: built.tbs } : undefined;
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
