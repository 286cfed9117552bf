import type { CertificateId, Clock, ThingName, Transaction } from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { type AttachmentsParts, CertificateAttachments } from './attachments.ts';
import { DeviceReports, type DeviceReportsParts } from './device-reports.ts';
import { ThingsError, thingNotFound } from './errors.ts';
import { type PlacedThing, placedPayload } from './import-rules.ts';
import { maySpeak } from './lifecycle.ts';
import type { ThingNews } from './news.ts';
import { ThingRegistry } from './registry.ts';
import { assertThing, changedThing, missingAttributes, type ThingChange, trailPayloadOf } from './rules.ts';
import { ThingStates } from './states.ts';
import type { CertificateAttachment, Thing, ThingStore } from './store.ts';

export interface ThingsOptions
  extends Omit<AttachmentsParts, 'registry' | 'states'>,
    Omit<DeviceReportsParts, 'registry'> {
  readonly store: ThingStore;
  readonly clock: Clock;
  /** Told, in the tick of the commit, of each thing of which something is not what it was, also that it is there. */
  readonly changed?: (name: ThingName) => void;
  /** Told, in the tick of the commit, what happened to each thing; must not throw. */
  readonly told?: (news: ThingNews) => void;
  /** Removes what other domains keep of a thing, in the transaction that removes it. */
  readonly forget: (tx: Transaction, thingName: ThingName) => Promise<void>;
  /** Attributes that things of this type have to have. */
  readonly requiredOf: (typeName: string | undefined) => readonly string[];
}

export type NewThing = Pick<Thing, 'name' | 'typeName'> & Partial<Pick<Thing, 'attributes' | 'tags'>>;

/** The things of the fleet, and in their own parts: who speaks for them, where they stand, and what their devices say of themselves. */
export class Things {
  readonly attachments: CertificateAttachments;
  readonly states: ThingStates;
  readonly reports: DeviceReports;
  readonly #options: ThingsOptions;
  readonly #registry: ThingRegistry;
  readonly #turns = new Turns();

  private constructor(options: ThingsOptions) {
    this.#options = options;
    const registry = new ThingRegistry(options.changed ?? (() => undefined));
    this.#registry = registry;
    this.states = new ThingStates({ ...options, registry, hold: (name, work) => this.hold(name, work) });
    this.attachments = new CertificateAttachments({ ...options, registry, states: this.states });
    this.reports = new DeviceReports({ ...options, registry });
  }

  /** Reads every thing and attachment into memory first. */
  static async open(options: ThingsOptions): Promise<Things> {
    const things = new Things(options);
    await things.#registry.load(options.store);
    return things;
  }

  /** Throws `things.exists` for a name that is taken. */
  create(thing: NewThing, actor: Actor): Promise<Thing> {
    return this.#options.transactor.transact((tx) => this.createWithin(tx, thing, actor));
  }

  /** As `create`, as part of a larger change. */
  async createWithin(tx: Transaction, wanted: NewThing, actor: Actor): Promise<Thing> {
    const thing: Thing = {
      ...wanted,
      attributes: wanted.attributes ?? {},
      tags: wanted.tags ?? {},
      state: 'manufactured',
      createdAtMs: this.#options.clock.now(),
    };
    this.assertFit(thing);
    await this.#add(tx, thing);
    await this.#options.trail.append(tx, { kind: 'thing.created', actor, payload: trailPayloadOf(thing) });
    tx.afterCommit(() => this.#created(thing));
    return thing;
  }

  /** Throws `things.invalid` for one outside AWS IoT's bounds, or without what its type requires. */
  assertFit(thing: Thing): void {
    assertThing(thing);
    const missing = missingAttributes(thing, this.#options.requiredOf(thing.typeName));
    if (missing.length === 0) return;
    const names = missing.map((name) => `\`${name}\``).join(', ');
    const message = `a thing of type \`${thing.typeName}\` has to have the attribute ${names}`;
    throw new ThingsError('things.invalid', message);
  }

  /**
   * Many new ones, all or none, in the state they are given with; `place` puts them into their groups, which the trail tells with
   * each. Throws `StoreError` `store.conflict` for a name that is taken.
   */
  async createAllWithin(
    tx: Transaction,
    placed: readonly PlacedThing[],
    { actor, place }: { readonly actor: Actor; readonly place: () => Promise<void> },
  ): Promise<void> {
    for (const { thing } of placed) this.assertFit(thing);
    await this.#options.store.addAll(
      tx,
      placed.map(({ thing }) => thing),
    );
    tx.afterCommit(() => {
      for (const { thing } of placed) this.#created(thing);
    });
    await place();
    for (const each of placed)
      await this.#options.trail.append(tx, { kind: 'thing.created', actor, payload: placedPayload(each) });
  }

  #created(thing: Thing): void {
    this.#registry.add(thing);
    this.#options.told?.({ operation: 'created', thing });
  }

  /** Takes effect on live connections at once: policies name type and attributes. Throws `things.not_found`. */
  update(name: ThingName, change: ThingChange, actor: Actor): Promise<Thing> {
    return this.hold(name, async () => {
      const thing = changedThing(this.get(name), change);
      await this.#options.transactor.transact((tx) => this.replaceWithin(tx, thing, actor));
      return thing;
    });
  }

  /** Puts this type and these attributes in the place of what the thing had, for who holds it. Throws `things.invalid`, `things.not_found`. */
  async replaceWithin(tx: Transaction, thing: Thing, actor: Actor): Promise<void> {
    const { name } = thing;
    this.assertFit(thing);
    if (!(await this.#options.store.update(tx, thing))) throw thingNotFound(name);
    await this.#options.trail.append(tx, { kind: 'thing.updated', actor, payload: trailPayloadOf(thing) });
    tx.afterCommit(() => {
      // Its state is changed by others, also meanwhile.
      this.#registry.add({ ...thing, state: this.known(name)?.state ?? thing.state });
      const certificateIds = this.#registry.certificateIdsOf(name);
      this.#options.announce({ kind: 'thing-changed', thingName: name, certificateIds });
      this.#options.told?.({ operation: 'updated', thing });
    });
  }

  /** With everything the platform keeps of it but the trail. Throws `things.not_found`, and `things.attached` while a certificate speaks for it. */
  remove(name: ThingName, actor: Actor): Promise<void> {
    return this.hold(name, async () => {
      const thing = this.get(name);
      if (this.certificatesOf(name).length > 0) throw thingAttached(name);
      await this.#options.transactor.transact(async (tx) => {
        await this.#options.forget(tx, name);
        await this.#remove(tx, name);
        await this.#options.trail.append(tx, { kind: 'thing.removed', actor, payload: { thingName: name } });
        tx.afterCommit(() => {
          this.#registry.remove(name);
          this.#options.told?.({ operation: 'deleted', thing });
        });
      });
    });
  }

  /** Runs `work` while the thing can be neither changed nor removed by anybody else. */
  hold<Result>(name: ThingName, work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(name, work);
  }

  /** From memory. */
  known(name: ThingName): Thing | undefined {
    return this.#registry.find(name);
  }

  /** From memory; throws `things.not_found`. */
  get(name: ThingName): Thing {
    return this.#registry.get(name);
  }

  /** From memory, in no order. */
  all(): Iterable<Thing> {
    return this.#registry.things();
  }

  /** From memory, in no order. */
  names(): Iterable<ThingName> {
    return this.#registry.names();
  }

  /** Changes whenever a thing is added, changed or removed. */
  get revision(): number {
    return this.#registry.revision;
  }

  page(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly Thing[]> {
    return this.#options.store.page(range);
  }

  /** From memory: the things the certificate speaks for. */
  attachmentsOf(certificateId: CertificateId): readonly CertificateAttachment[] {
    return this.#registry.attachmentsOf(certificateId);
  }

  /** From memory: the certificates that speak for the thing. */
  certificatesOf(thingName: ThingName): readonly CertificateAttachment[] {
    return this.#registry.certificatesOf(thingName);
  }

  /** From memory: as `certificatesOf`, with those that were detached, also from a thing of this name that is gone. */
  certificatesEverOf(thingName: ThingName): ReadonlySet<CertificateId> {
    return this.#registry.everOf(thingName);
  }

  /** From memory: the thing because of whose state the certificate may not speak at all, also where it speaks for others too. */
  shutOut(certificateId: CertificateId): Thing | undefined {
    for (const { thingName } of this.attachmentsOf(certificateId)) {
      const thing = this.known(thingName);
      if (thing !== undefined && !maySpeak(thing.state)) return thing;
    }
    return undefined;
  }

  async #add(tx: Transaction, thing: Thing): Promise<void> {
    try {
      await this.#options.store.add(tx, thing);
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      throw new ThingsError('things.exists', `there is a thing \`${thing.name}\` already`, { cause });
    }
  }

  async #remove(tx: Transaction, name: ThingName): Promise<void> {
    try {
      if (!(await this.#options.store.remove(tx, name))) throw thingNotFound(name);
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      // An attachment in the records that memory will know of in a moment.
      throw thingAttached(name, cause);
    }
  }
}

function thingAttached(name: ThingName, cause?: unknown): ThingsError {
  const message = `a certificate speaks for thing \`${name}\`: detach it first`;
  return new ThingsError('things.attached', message, { cause });
}
