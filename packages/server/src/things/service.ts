import type { CertificateId, Clock, JsonObject, ThingName, Transaction, Transactor } from '@fleetward/core';
import { StoreError } from '../store-error.ts';
import { TokenBuckets } from '../token-buckets.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { ThingsError } from './errors.ts';
import { type PlacedThing, placedPayload } from './import-rules.ts';
import { assertTransition, type LifecycleState, maySpeak } from './lifecycle.ts';
import type { ThingNews } from './news.ts';
import { ThingRegistry } from './registry.ts';
import { ReportWriter } from './report-writer.ts';
import {
  assertAttachable,
  assertReport,
  assertThing,
  changedThing,
  missingAttributes,
  type ThingChange,
  type Transfer,
  trailPayloadOf,
  transferredFrom,
} from './rules.ts';
import type {
  CertificateAttachment,
  DeviceReport,
  AttachedPair as Pair,
  Thing,
  ThingStore,
} from './store.ts';

export type ThingEvent =
  /** The rights of these certificates' connections may have changed. */
  | {
      readonly kind: 'thing-attachments-changed' | 'thing-changed';
      readonly thingName: ThingName;
      readonly certificateIds: readonly CertificateId[];
    }
  /** Its devices may not connect any more; or may again. */
  | {
      readonly kind: 'thing-shut-out' | 'thing-let-in';
      readonly thingName: ThingName;
      readonly certificateIds: readonly CertificateId[];
    }
  /** Its connections were those of another thing. */
  | { readonly kind: 'certificate-transferred'; readonly certificateId: CertificateId };

export interface ThingsOptions {
  readonly store: ThingStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: ThingEvent) => void;
  /** Told, in the tick of the commit, of each thing of which something is not what it was, also that it is there. */
  readonly changed?: (name: ThingName) => void;
  /** Told, in the tick of the commit, what happened to each thing; must not throw. */
  readonly told?: (news: ThingNews) => void;
  /** Told of each report that is kept. */
  readonly reported?: (report: DeviceReport) => void;
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
  /** Removes what other domains keep of a thing, in the transaction that removes it. */
  readonly forget: (tx: Transaction, thingName: ThingName) => Promise<void>;
  /** Attributes that things of this type have to have. */
  readonly requiredOf: (typeName: string | undefined) => readonly string[];
  readonly reportLimits?: ReportLimits;
}

/** What devices may load the records with by reporting. */
export interface ReportLimits {
  /** Reports a second of one thing, and as many at once. */
  readonly reportsPerSecondMax: number;
  /** Transactions at once that keep reports, over all things. */
  readonly reportTransactionsMax: number;
  /** Things with a report that waits for such a transaction. */
  readonly reportsPendingMax: number;
}

const standardReportLimits: ReportLimits = {
  reportsPerSecondMax: 10,
  reportTransactionsMax: 64,
  reportsPendingMax: 1_024,
};

export type NewThing = Pick<Thing, 'name' | 'typeName'> & Partial<Pick<Thing, 'attributes' | 'tags'>>;

/** `reason`: for the trail. */
export interface StateChange {
  readonly name: ThingName;
  readonly to: LifecycleState;
  readonly reason?: string;
}

/** Transactions at once that note that a device came for the first time. */
const becomingActiveMax = 64;

/** The things of the fleet and which certificates speak for them. */
export class Things {
  readonly #options: ThingsOptions;
  readonly #registry: ThingRegistry;
  // Two attachments of one certificate must see each other: memory knows of the first only once it is committed.
  readonly #turns = new Turns();
  readonly #reportRate: TokenBuckets;
  readonly #reports: ReportWriter;
  readonly #becomingActive = new Set<ThingName>();

  private constructor(options: ThingsOptions) {
    this.#options = options;
    const { clock, store, transactor, reportLimits: limits = standardReportLimits } = options;
    const { changed = () => undefined, reported = () => undefined } = options;
    this.#registry = new ThingRegistry(changed);
    this.#reportRate = new TokenBuckets({ clock, perSecondMax: limits.reportsPerSecondMax });
    this.#reports = new ReportWriter({
      write: (report) =>
        transactor.transact(async (tx) => {
          await store.saveReport(tx, report);
          tx.afterCommit(() => reported(report));
        }),
      writesMax: limits.reportTransactionsMax,
      waitingMax: limits.reportsPendingMax,
    });
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
      this.#options.announce({ kind: 'thing-changed', thingName: name, certificateIds: this.#idsOf(name) });
      this.#options.told?.({ operation: 'updated', thing });
    });
  }

  /**
   * `quarantined` and `retired` cut its live connections in the tick of the commit, and refuse its devices from then on, over every
   * protocol. Throws `things.not_found`, or `things.state_refused` for a change that is not one of the lifecycle.
   */
  setState({ name, to, reason }: StateChange, actor: Actor): Promise<Thing> {
    return this.hold(name, () =>
      this.#options.transactor.transact(async (tx) => {
        const thing = this.get(name);
        const { state: from } = thing;
        assertTransition(from, to);
        if (!(await this.#options.store.setState(tx, { name, from, to }))) throw thingNotFound(name);
        const payload = { thingName: name, from, to, ...(reason === undefined ? {} : { reason }) };
        await this.#options.trail.append(tx, { kind: 'thing.state_changed', actor, payload });
        tx.afterCommit(() => this.#becomes(name, to));
        return { ...thing, state: to };
      }),
    );
  }

  /** A device of the thing is there: what was provisioned is active from now on. */
  seen(name: ThingName): void {
    if (this.known(name)?.state !== 'provisioned') return;
    // Many may come at once: whoever has no turn now has it when it comes again.
    if (this.#becomingActive.has(name) || this.#becomingActive.size >= becomingActiveMax) return;
    this.#becomingActive.add(name);
    void this.setState({ name, to: 'active' }, { kind: 'system' })
      .catch(() => undefined) // removed, or put elsewhere by an operator; or it is tried again when it comes again
      .finally(() => this.#becomingActive.delete(name));
  }

  #becomes(name: ThingName, state: LifecycleState): void {
    const before = this.known(name);
    if (before === undefined) return;
    this.#registry.add({ ...before, state });
    if (maySpeak(before.state) === maySpeak(state)) return;
    const kind = maySpeak(state) ? 'thing-let-in' : 'thing-shut-out';
    this.#options.announce({ kind, thingName: name, certificateIds: this.#idsOf(name) });
  }

  #idsOf(name: ThingName): readonly CertificateId[] {
    return this.certificatesOf(name).map(({ certificateId }) => certificateId);
  }

  /** From memory: the thing because of whose state the certificate may not speak at all, also where it speaks for others too. */
  shutOut(certificateId: CertificateId): Thing | undefined {
    for (const { thingName } of this.attachmentsOf(certificateId)) {
      const thing = this.known(thingName);
      if (thing !== undefined && !maySpeak(thing.state)) return thing;
    }
    return undefined;
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
    return this.#turns.take(`thing ${name}`, work);
  }

  /** From memory. */
  known(name: ThingName): Thing | undefined {
    return this.#registry.find(name);
  }

  /** From memory; throws `things.not_found`. */
  get(name: ThingName): Thing {
    const thing = this.known(name);
    if (thing === undefined) throw thingNotFound(name);
    return thing;
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

  /** Throws `things.not_found`, `things.certificate_unknown` or, where exclusive, `things.attachment_refused`. */
  async attach(attachment: CertificateAttachment, actor: Actor): Promise<void> {
    const { thingName, certificateId } = attachment;
    this.get(thingName);
    if (!this.#options.isKnownCertificate(attachment.certificateId)) {
      throw certificateUnknown(certificateId);
    }
    await this.#turns.take(certificateId, () =>
      this.#options.whileKept({ kind: 'thing-attached', thingName, certificateId }, () =>
        this.#options.transactor.transact((tx) => this.attachWithin(tx, attachment, actor)),
      ),
    );
  }

  /** As `attach`, as part of a change that makes the thing or the certificate itself. */
  async attachWithin(tx: Transaction, attachment: CertificateAttachment, actor: Actor): Promise<void> {
    assertAttachable(attachment, this.attachmentsOf(attachment.certificateId));
    this.#assertIn(attachment.thingName);
    await this.#options.store.attach(tx, attachment);
    await this.#provision(tx, attachment.thingName);
    await this.#options.trail.append(tx, {
      kind: 'thing.certificate_attached',
      actor,
      payload: { ...attachment },
    });
    tx.afterCommit(() => {
      this.#registry.attach(attachment);
      this.#announce(attachment);
    });
  }

  /** What has a certificate is not only manufactured any more. */
  async #provision(tx: Transaction, name: ThingName): Promise<void> {
    const change = { name, from: 'manufactured', to: 'provisioned' } as const;
    if (await this.#options.store.setState(tx, change))
      tx.afterCommit(() => this.#becomes(name, 'provisioned'));
  }

  /** Throws `things.state_refused`: nothing may speak for such a thing. */
  #assertIn(name: ThingName): void {
    const state = this.known(name)?.state;
    if (state === undefined || maySpeak(state)) return;
    throw new ThingsError(
      'things.state_refused',
      `thing \`${name}\` is \`${state}\`: no certificate may speak for it`,
    );
  }

  /** Throws `things.state_refused`: without that thing the certificate would speak again. */
  #assertLeavable({ thingName, certificateId }: Pair): void {
    const state = this.known(thingName)?.state;
    if (state === undefined || maySpeak(state) || this.#options.isRevoked(certificateId)) return;
    const message = `thing \`${thingName}\` is \`${state}\`, and certificate \`${certificateId}\` would speak again without it: revoke the certificate first`;
    throw new ThingsError('things.state_refused', message);
  }

  /** Throws `things.not_attached`, and `things.state_refused` for a certificate that would speak again. */
  detach(pair: Pair, actor: Actor): Promise<void> {
    return this.#turns.take(pair.certificateId, () =>
      this.#options.whileKept({ kind: 'thing-detached', ...pair }, () => {
        this.#assertLeavable(pair);
        return this.#detach(pair, actor);
      }),
    );
  }

  #detach(pair: Pair, actor: Actor): Promise<void> {
    return this.#options.transactor.transact(async (tx) => {
      if (!(await this.#options.store.detach(tx, pair))) throw notAttached(pair);
      await this.#options.trail.append(tx, {
        kind: 'thing.certificate_detached',
        actor,
        payload: { ...pair },
      });
      tx.afterCommit(() => {
        this.#registry.detach(pair);
        this.#announce(pair);
      });
    });
  }

  /**
   * Lets a certificate speak for another thing in the place of the one it does, in one change. Throws what `attach` throws,
   * `things.not_attached`, and `things.invalid` where it is not clear from which thing it is to be taken.
   */
  transfer(wanted: Transfer, actor: Actor): Promise<CertificateAttachment & { readonly from: ThingName }> {
    return this.#turns.take(wanted.certificateId, async () => {
      const { certificateId, to } = wanted;
      this.get(to);
      this.#assertTransferable(certificateId);
      const present = this.attachmentsOf(certificateId);
      const { thingName: from, exclusive } = transferredFrom(wanted, present);
      const attachment = { thingName: to, certificateId, exclusive };
      this.#assertIn(to);
      this.#assertLeavable({ thingName: from, certificateId });
      assertAttachable(
        attachment,
        present.filter(({ thingName }) => thingName !== from),
      );
      const change = { kind: 'thing-transferred', from, to, certificateId } as const;
      await this.#options.whileKept(change, () => this.#transfer(attachment, from, actor));
      return { ...attachment, from };
    });
  }

  #assertTransferable(certificateId: CertificateId): void {
    if (!this.#options.isKnownCertificate(certificateId)) throw certificateUnknown(certificateId);
    if (!this.#options.isRevoked(certificateId)) return;
    const message = `certificate \`${certificateId}\` is revoked: it stays with the thing that it spoke for`;
    throw new ThingsError('things.attachment_refused', message);
  }

  #transfer(attachment: CertificateAttachment, from: ThingName, actor: Actor): Promise<void> {
    const { certificateId, thingName: to, exclusive } = attachment;
    const old = { thingName: from, certificateId };
    return this.#options.transactor.transact(async (tx) => {
      if (!(await this.#options.store.detach(tx, old))) throw notAttached(old);
      await this.#options.store.attach(tx, attachment);
      await this.#provision(tx, to);
      const payload = { certificateId, from, to, exclusive };
      await this.#options.trail.append(tx, { kind: 'thing.certificate_transferred', actor, payload });
      tx.afterCommit(() => {
        this.#registry.detach(old);
        this.#registry.attach(attachment);
        this.#options.announce({ kind: 'certificate-transferred', certificateId });
      });
    });
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

  /**
   * Keeps what a device last said of itself, at most 16 KiB; resolves when this report or a newer one is kept. Device data: it
   * does not enter the trail. Throws `things.too_many_reports`.
   */
  async saveReport(thingName: ThingName, report: JsonObject): Promise<void> {
    this.get(thingName);
    const turn = this.#reportRate.take(thingName);
    if (turn.kind === 'refused') throw tooManyReports(turn.retryAfterSeconds);
    await this.noteReport(thingName, report);
  }

  /** The same of what the platform gathers from the device's other words: how often the device reports does not hold it up. */
  async noteReport(thingName: ThingName, report: JsonObject): Promise<void> {
    this.get(thingName);
    assertReport(report);
    await this.#reports.save({ thingName, receivedAtMs: this.#options.clock.now(), report });
  }

  /** The last reports of things, by their names. */
  reports(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly DeviceReport[]> {
    return this.#options.store.reports(range);
  }

  findReport(thingName: ThingName): Promise<DeviceReport | undefined> {
    return this.#options.store.findReport(thingName);
  }

  async #add(tx: Transaction, thing: Thing): Promise<void> {
    try {
      await this.#options.store.add(tx, thing);
    } catch (cause) {
      if (!(cause instanceof StoreError) || cause.code !== 'store.conflict') throw cause;
      throw new ThingsError('things.exists', `there is a thing \`${thing.name}\` already`, { cause });
    }
  }

  async #remove(tx: Transaction, name: ThingName): Promise<void> {
    try {
      if (!(await this.#options.store.remove(tx, name))) throw thingNotFound(name);
    } catch (cause) {
      if (!(cause instanceof StoreError) || cause.code !== 'store.conflict') throw cause;
      // An attachment in the records that memory will know of in a moment.
      throw thingAttached(name, cause);
    }
  }

  #announce({ thingName, certificateId }: Pair): void {
    this.#options.announce({ kind: 'thing-attachments-changed', thingName, certificateIds: [certificateId] });
  }
}

function thingNotFound(name: ThingName): ThingsError {
  return new ThingsError('things.not_found', `there is no thing \`${name}\``);
}

function certificateUnknown(certificateId: CertificateId): ThingsError {
  return new ThingsError('things.certificate_unknown', `there is no certificate \`${certificateId}\``);
}

function thingAttached(name: ThingName, cause?: unknown): ThingsError {
  const message = `a certificate speaks for thing \`${name}\`: detach it first`;
  return new ThingsError('things.attached', message, { cause });
}

function tooManyReports(retryAfterSeconds: number): ThingsError {
  return new ThingsError(
    'things.too_many_reports',
    `the thing reports too often: try again in ${retryAfterSeconds} s`,
    { details: { retryAfterSeconds } },
  );
}

function notAttached({ thingName, certificateId }: Pair): ThingsError {
  return new ThingsError(
    'things.not_attached',
    `certificate \`${certificateId}\` is not attached to thing \`${thingName}\``,
  );
}
