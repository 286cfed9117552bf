import type { CertificateId, ThingName, Transaction, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { ThingsError } from './errors.ts';
import type { ThingEvent } from './event.ts';
import { maySpeak } from './lifecycle.ts';
import type { ThingRegistry } from './registry.ts';
import { assertAttachable, type Transfer, transferredFrom } from './rules.ts';
import type { ThingStates } from './states.ts';
import type { CertificateAttachment, AttachedPair as Pair, ThingStore } from './store.ts';

export interface AttachmentsParts {
  readonly store: Pick<ThingStore, 'attach' | 'detach'>;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly registry: ThingRegistry;
  readonly states: Pick<ThingStates, 'provisionWithin'>;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: ThingEvent) => void;
  /** Whether the platform issued this certificate: a mistyped id must not be attached. */
  readonly isKnownCertificate: (certificateId: CertificateId) => boolean;
  /** Whether it is revoked, on hold or for ever: that says something of the thing it speaks for. */
  readonly isRevoked: (certificateId: CertificateId) => boolean;
  /** Does the work when what is required of policies holds after the certificate has come to the thing, or left it. */
  readonly whileKept: <Result>(
    change:
      | {
          readonly kind: 'thing-attached' | 'thing-detached';
          readonly thingName: ThingName;
          readonly certificateId: CertificateId;
        }
      | {
          readonly kind: 'thing-transferred';
          readonly from: ThingName;
          readonly to: ThingName;
          readonly certificateId: CertificateId;
        },
    work: () => Promise<Result>,
  ) => Promise<Result>;
}

/**
 * Which certificates speak for which things. An exclusive certificate speaks for one thing alone, nothing comes to speak for a thing
 * that is shut out, and what such a thing has silenced does not speak again by leaving it.
 */
export class CertificateAttachments {
  readonly #parts: AttachmentsParts;
  // Two attachments of one certificate must see each other: memory knows of the first only once it is committed.
  readonly #turns = new Turns();

  constructor(parts: AttachmentsParts) {
    this.#parts = parts;
  }

  /** Throws `things.not_found`, `things.certificate_unknown` or, where exclusive, `things.attachment_refused`. */
  async attach(attachment: CertificateAttachment, actor: Actor): Promise<void> {
    const { registry, isKnownCertificate, whileKept, transactor } = this.#parts;
    const { thingName, certificateId } = attachment;
    registry.get(thingName);
    if (!isKnownCertificate(certificateId)) throw certificateUnknown(certificateId);
    await this.#turns.take(certificateId, () =>
      whileKept({ kind: 'thing-attached', thingName, certificateId }, () =>
        transactor.transact((tx) => this.attachWithin(tx, attachment, actor)),
      ),
    );
  }

  /** As `attach`, as part of a change that makes the thing or the certificate itself. */
  async attachWithin(tx: Transaction, attachment: CertificateAttachment, actor: Actor): Promise<void> {
    const { store, registry, states, trail } = this.#parts;
    assertAttachable(attachment, registry.attachmentsOf(attachment.certificateId));
    this.#assertIn(attachment.thingName);
    await store.attach(tx, attachment);
    await states.provisionWithin(tx, attachment.thingName);
    await trail.append(tx, { kind: 'thing.certificate_attached', actor, payload: { ...attachment } });
    tx.afterCommit(() => {
      registry.attach(attachment);
      this.#announce(attachment);
    });
  }

  /** Throws `things.not_attached`, and `things.state_refused` for a certificate that would speak again. */
  detach(pair: Pair, actor: Actor): Promise<void> {
    return this.#turns.take(pair.certificateId, () =>
      this.#parts.whileKept({ kind: 'thing-detached', ...pair }, () => {
        this.#assertLeavable(pair);
        return this.#detach(pair, actor);
      }),
    );
  }

  #detach(pair: Pair, actor: Actor): Promise<void> {
    const { store, transactor, trail, registry } = this.#parts;
    return transactor.transact(async (tx) => {
      if (!(await store.detach(tx, pair))) throw notAttached(pair);
      await trail.append(tx, { kind: 'thing.certificate_detached', actor, payload: { ...pair } });
      tx.afterCommit(() => {
        registry.detach(pair);
        this.#announce(pair);
      });
    });
  }

  /**
   * Lets a certificate speak for another thing in the place of the one it does, in one change. Throws what `attach` throws,
   * `things.not_attached`, and `things.invalid` where it is not clear from which thing it is to be taken.
   */
  transfer(wanted: Transfer, actor: Actor): Promise<CertificateAttachment & { readonly from: ThingName }> {
    const { registry, whileKept } = this.#parts;
    return this.#turns.take(wanted.certificateId, async () => {
      const { certificateId, to } = wanted;
      registry.get(to);
      this.#assertTransferable(certificateId);
      const present = registry.attachmentsOf(certificateId);
      const { thingName: from, exclusive } = transferredFrom(wanted, present);
      const attachment = { thingName: to, certificateId, exclusive };
      this.#assertIn(to);
      this.#assertLeavable({ thingName: from, certificateId });
      assertAttachable(
        attachment,
        present.filter(({ thingName }) => thingName !== from),
      );
      const change = { kind: 'thing-transferred', from, to, certificateId } as const;
      await whileKept(change, () => this.#transfer(attachment, from, actor));
      return { ...attachment, from };
    });
  }

  #transfer(attachment: CertificateAttachment, from: ThingName, actor: Actor): Promise<void> {
    const { store, transactor, trail, registry, states, announce } = this.#parts;
    const { certificateId, thingName: to, exclusive } = attachment;
    const old = { thingName: from, certificateId };
    return transactor.transact(async (tx) => {
      if (!(await store.detach(tx, old))) throw notAttached(old);
      await store.attach(tx, attachment);
      await states.provisionWithin(tx, to);
      const payload = { certificateId, from, to, exclusive };
      await trail.append(tx, { kind: 'thing.certificate_transferred', actor, payload });
      tx.afterCommit(() => {
        registry.detach(old);
        registry.attach(attachment);
        announce({ kind: 'certificate-transferred', certificateId });
      });
    });
  }

  #assertTransferable(certificateId: CertificateId): void {
    const { isKnownCertificate, isRevoked } = this.#parts;
    if (!isKnownCertificate(certificateId)) throw certificateUnknown(certificateId);
    if (!isRevoked(certificateId)) return;
    const message = `certificate \`${certificateId}\` is revoked: it stays with the thing that it spoke for`;
    throw new ThingsError('things.attachment_refused', message);
  }

  /** Throws `things.state_refused`: nothing may speak for such a thing. */
  #assertIn(name: ThingName): void {
    const state = this.#parts.registry.find(name)?.state;
    if (state === undefined || maySpeak(state)) return;
    throw new ThingsError(
      'things.state_refused',
      `thing \`${name}\` is \`${state}\`: no certificate may speak for it`,
    );
  }

  /** Throws `things.state_refused`: without that thing the certificate would speak again. */
  #assertLeavable({ thingName, certificateId }: Pair): void {
    const state = this.#parts.registry.find(thingName)?.state;
    if (state === undefined || maySpeak(state) || this.#parts.isRevoked(certificateId)) return;
    const message = `thing \`${thingName}\` is \`${state}\`, and certificate \`${certificateId}\` would speak again without it: revoke the certificate first`;
    throw new ThingsError('things.state_refused', message);
  }

  #announce({ thingName, certificateId }: Pair): void {
    const certificateIds = [certificateId];
    this.#parts.announce({ kind: 'thing-attachments-changed', thingName, certificateIds });
  }
}

function certificateUnknown(certificateId: CertificateId): ThingsError {
  return new ThingsError('things.certificate_unknown', `there is no certificate \`${certificateId}\``);
}

function notAttached({ thingName, certificateId }: Pair): ThingsError {
  return new ThingsError(
    'things.not_attached',
    `certificate \`${certificateId}\` is not attached to thing \`${thingName}\``,
  );
}
