import type { CertificateId, Clock, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import type { CrlOutcome, CrlPublisher } from './crl-publisher.ts';
import { CertificatesError, certificateNotFound, changedMeanwhile } from './errors.ts';
import type { AnnounceCertificate } from './events.ts';
import type { CertificateRegistry } from './registry.ts';
import type { RevocationJournal } from './revocation-journal.ts';
import type { RevokedEntry } from './revocation-list.ts';
import { type CertificateState, type CertificateStore, isForEver } from './store.ts';

export type HoldOutcome =
  | {
      readonly kind: 'lifted';
      readonly state: CertificateState;
      /** Settles when a CRL without it is signed, or could not be; never rejects. */
      readonly crl: Promise<CrlOutcome>;
    }
  | { readonly kind: 'not-held'; readonly state: CertificateState };

export interface HoldLifterOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
  readonly journal: RevocationJournal;
  readonly crls: CrlPublisher;
  readonly announce: AnnounceCertificate;
}

/**
 * Lifts holds: records and trail, then the journal, then memory and the CRL. The other way round than a revocation, so that whatever
 * fails in between leaves it on hold: until the journal has the end of the hold, the next start puts it back.
 */
export class HoldLifter {
  readonly #options: HoldLifterOptions;

  constructor(options: HoldLifterOptions) {
    this.#options = options;
  }

  /** Throws `certificates.not_found`, `certificates.state` when it is revoked for ever, or `certificates.journal_failed`. */
  async lift(certificateId: CertificateId, actor: Actor): Promise<HoldOutcome> {
    const { registry, journal, clock, crls, announce } = this.#options;
    const known = registry.find(certificateId);
    if (known === undefined) throw certificateNotFound(certificateId);
    const held = registry.revocation(known);
    if (held === undefined) return { kind: 'not-held', state: known.state };
    if (isForEver(held.reason)) throw revokedForEver(held);
    const state = await this.#record(held, actor);
    const { revokedAtMs: heldAtMs } = held;
    await journal.append({ kind: 'certificate-unheld', certificateId, heldAtMs, unheldAtMs: clock.now() });
    // It may have been revoked for ever in the meantime.
    if (!registry.lift(held, state)) throw changedMeanwhile(certificateId);
    if (state === 'ACTIVE') announce({ kind: 'certificate-resumed', certificateId });
    return { kind: 'lifted', state, crl: crls.request(held.issuerId) };
  }

  /** The state it has again; also when the records have it since a call whose journal failed. */
  #record({ certificateId, revokedAtMs: heldAtMs }: RevokedEntry, actor: Actor): Promise<CertificateState> {
    const { transactor, store, trail } = this.#options;
    return transactor.transact(async (tx) => {
      const lifted = await store.unhold(tx, { certificateId, heldAtMs });
      if (lifted !== undefined) {
        const payload = { certificateId, to: lifted };
        await trail.append(tx, { kind: 'certificate.unheld', actor, payload });
        return lifted;
      }
      const known = await store.find(certificateId, tx);
      if (known === undefined || known.state === 'REVOKED') throw changedMeanwhile(certificateId);
      return known.state;
    });
  }
}

function revokedForEver({ certificateId, reason }: RevokedEntry): CertificatesError {
  const message = `the certificate \`${certificateId}\` is revoked for ever (\`${reason}\`); only a \`certificateHold\` can be lifted`;
  return new CertificatesError('certificates.state', message);
}
