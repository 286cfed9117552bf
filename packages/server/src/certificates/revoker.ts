import type { CertificateId, Clock, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import type { CrlOutcome, CrlPublisher } from './crl-publisher.ts';
import { certificateNotFound, revocationUnrecorded } from './errors.ts';
import type { AnnounceCertificate, EventEffect } from './events.ts';
import { type CertificateRegistry, supersedes } from './registry.ts';
import type { RevocationJournal } from './revocation-journal.ts';
import type { RevokedEntry } from './revocation-list.ts';
import { type CertificateStore, type CertificateSummary, isForEver, type RevocationReason } from './store.ts';

type RevocationStep = 'requested' | 'journalled' | 'committed' | 'in-force' | 'sessions-cut';

/** `steps`: when each was done, milliseconds since the epoch. */
export type RevocationOutcome =
  | {
      readonly kind: 'revoked';
      readonly revokedAtMs: number;
      readonly steps: readonly { readonly step: RevocationStep; readonly atMs: number }[];
      readonly effect: EventEffect;
      /** Settles when a CRL that holds it is signed, or could not be; never rejects. */
      readonly crl: Promise<CrlOutcome>;
    }
  | { readonly kind: 'already-revoked'; readonly revokedAtMs: number };

export interface RevokerOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
  readonly journal: RevocationJournal;
  readonly crls: CrlPublisher;
  readonly announce: AnnounceCertificate;
}

/** Revokes certificates: journal, then records and trail, then memory and live sessions in one tick, then the CRL. */
export class Revoker {
  readonly #options: RevokerOptions;
  /** Journalled, in force, and not yet in the records because the database failed. */
  readonly #unrecorded = new Set<CertificateId>();

  constructor(options: RevokerOptions) {
    this.#options = options;
  }

  /** Throws `certificates.not_found`, `certificates.journal_failed`, or `certificates.revocation_unrecorded` when it is in force all the same. */
  async revoke(
    wanted: { readonly certificateId: CertificateId; readonly reason: RevocationReason },
    actor: Actor,
  ): Promise<RevocationOutcome> {
    const certificate = this.#find(wanted.certificateId);
    if (this.#stands(certificate, wanted.reason)) return before(certificate);
    const timeline = new Timeline(this.#options.clock);
    const entry = entryOf(certificate, { reason: wanted.reason, nowMs: timeline.mark('requested') });
    await this.#options.journal.append({ kind: 'certificate-revoked', ...entry });
    timeline.mark('journalled');
    const effect = await this.#commit(entry, { actor, timeline });
    if (effect === undefined) return before(this.#find(entry.certificateId));
    const crl = this.#options.crls.request(entry.issuerId);
    return { kind: 'revoked', revokedAtMs: entry.revokedAtMs, steps: timeline.steps, effect, crl };
  }

  /** What it did to devices, or undefined when another call revoked it first. */
  async #commit(
    entry: RevokedEntry,
    by: { readonly actor: Actor; readonly timeline: Timeline },
  ): Promise<EventEffect | undefined> {
    const { transactor, store, trail } = this.#options;
    let effect: EventEffect | undefined;
    const { certificateId, revokedAtMs: atMs, reason } = entry;
    try {
      await transactor.transact(async (tx) => {
        if (!(await store.revoke(tx, { certificateId, atMs, reason }))) return;
        const payload = { certificateId, serial: entry.serial, issuerId: entry.issuerId, reason };
        await trail.append(tx, { kind: 'certificate.revoked', actor: by.actor, payload });
        tx.afterCommit(() => {
          by.timeline.mark('committed');
          effect = this.#putInForce(entry, by.timeline);
        });
      });
    } catch (error) {
      // The journal has it, so the next start would apply it: until then memory must not say otherwise.
      this.#unrecorded.add(certificateId);
      this.#putInForce(entry, by.timeline);
      void this.#options.crls.request(entry.issuerId);
      throw revocationUnrecorded(certificateId, error);
    }
    this.#unrecorded.delete(certificateId);
    return effect;
  }

  #putInForce(entry: RevokedEntry, timeline: Timeline): EventEffect {
    this.#options.registry.revoke(entry);
    timeline.mark('in-force');
    const kind = isForEver(entry.reason) ? 'certificate-revoked' : 'certificate-suspended';
    const effect = this.#options.announce({ kind, certificateId: entry.certificateId });
    timeline.mark('sessions-cut');
    return effect;
  }

  /** Nothing is to be done: it is revoked, in the records too, and not just on hold where it is to be for ever. */
  #stands(certificate: CertificateSummary, reason: RevocationReason): boolean {
    const current = this.#options.registry.revocation(certificate);
    if (current === undefined || supersedes({ reason }, current)) return false;
    return !this.#unrecorded.has(certificate.certificateId);
  }

  #find(certificateId: CertificateId): CertificateSummary {
    const certificate = this.#options.registry.find(certificateId);
    if (certificate !== undefined) return certificate;
    throw certificateNotFound(certificateId);
  }
}

class Timeline {
  readonly #clock: Clock;
  readonly steps: { readonly step: RevocationStep; readonly atMs: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mark(step: RevocationStep): number {
    const atMs = this.#clock.now();
    this.steps.push({ step, atMs });
    return atMs;
  }
}

function before(certificate: CertificateSummary): RevocationOutcome {
  return { kind: 'already-revoked', revokedAtMs: certificate.revokedAtMs ?? certificate.issuedAtMs };
}

function entryOf(
  certificate: CertificateSummary,
  revocation: { readonly reason: RevocationReason; readonly nowMs: number },
): RevokedEntry {
  const { certificateId, serial, issuerId, notAfterMs } = certificate;
  return {
    certificateId,
    serial,
    issuerId,
    notAfterMs,
    revokedAtMs: revocation.nowMs,
    reason: revocation.reason,
  };
}
