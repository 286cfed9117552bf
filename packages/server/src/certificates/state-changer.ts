import type { CertificateId, Transaction, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import { certificateNotFound, changedMeanwhile } from './errors.ts';
import { type AnnounceCertificate, type EventEffect, noEffect } from './events.ts';
import type { CertificateRegistry } from './registry.ts';
import { assertStep, type SettableState } from './states.ts';
import type { CertificateState, CertificateStore } from './store.ts';

export interface StateChange {
  readonly certificateId: CertificateId;
  readonly state: SettableState;
  /** In the words of who did it; the trail keeps it. */
  readonly reason?: string;
}

export type StateOutcome =
  | { readonly kind: 'changed'; readonly from: CertificateState; readonly effect: EventEffect }
  | { readonly kind: 'unchanged' };

export interface StateChangerOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly registry: CertificateRegistry;
  readonly announce: AnnounceCertificate;
}

/** Switches certificates on and off: records and trail, then memory and live sessions in one tick. */
export class StateChanger {
  readonly #options: StateChangerOptions;

  constructor(options: StateChangerOptions) {
    this.#options = options;
  }

  /** Throws `certificates.not_found`, and `certificates.state` for one that is revoked. */
  async change(change: StateChange, actor: Actor): Promise<StateOutcome> {
    let effect = noEffect;
    const from = await this.#options.transactor.transact((tx) =>
      this.changeWithin(tx, change, {
        actor,
        done: (done) => {
          effect = done;
        },
      }),
    );
    return from === undefined ? { kind: 'unchanged' } : { kind: 'changed', from, effect };
  }

  /** As `change`, as part of a larger change. Answers the state it had, or nothing when it was in this one. */
  async changeWithin(
    tx: Transaction,
    { certificateId, state, reason }: StateChange,
    by: { readonly actor: Actor; readonly done?: (effect: EventEffect) => void },
  ): Promise<CertificateState | undefined> {
    const { store, trail } = this.#options;
    const known = await store.find(certificateId, tx);
    if (known === undefined) throw certificateNotFound(certificateId);
    const { state: from } = known;
    if (from === state) return undefined;
    assertStep(known, state);
    if (!(await store.setState(tx, { certificateId, from, to: state })))
      throw changedMeanwhile(certificateId);
    const payload = { certificateId, from, to: state, ...(reason === undefined ? {} : { reason }) };
    await trail.append(tx, { kind: 'certificate.state_changed', actor: by.actor, payload });
    tx.afterCommit(() => {
      const effect = this.#putInForce(certificateId, state);
      by.done?.(effect);
    });
    return from;
  }

  #putInForce(certificateId: CertificateId, state: SettableState): EventEffect {
    const { registry, announce } = this.#options;
    // A revocation that is in force and not in the records yet stays in force.
    if (!registry.setState(certificateId, state)) return noEffect;
    const kind = state === 'ACTIVE' ? 'certificate-resumed' : 'certificate-suspended';
    return announce({ kind, certificateId });
  }
}
