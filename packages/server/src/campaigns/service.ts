import { type CertificateId, type ThingName, type Transaction, toHex } from '@fleetward/core';
import type { DenialCause, DenialReport, Denials } from '../denials/index.ts';
import type { OperatorService } from '../operators/index.ts';
import type { ReleaseService } from '../releases/index.ts';
import type { Search } from '../search/index.ts';
import type { Things } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { type BookParts, CampaignBook, stateAfter } from './book.ts';
import { DeviceFeedback } from './device-feedback.ts';
import { CampaignsError } from './errors.ts';
import { CampaignOffers } from './offers.ts';
import { type CampaignProgress, progressOf } from './progress.ts';
import { selectThings } from './select-things.ts';
import { isStopped } from './steps.ts';
import type { Action, Campaign, CampaignDefinition, CampaignRelease, CampaignStore } from './store.ts';
import { assertTerms } from './terms-rules.ts';
import { type AdvanceParts, Ticker } from './ticker.ts';
import { findingOf, type TroubleFinding } from './trouble.ts';
import type { Sight } from './trouble-watch.ts';
import { releaseOf, rollBackDefinition } from './way-back.ts';

export interface CampaignLimits {
  /** Campaigns that are not over. */
  readonly openMax: number;
  /** Things of one campaign. */
  readonly thingsMax: number;
  /** Campaigns that are over and still listed. */
  readonly keptMax: number;
  /** Actions of one campaign that one tick changes. */
  readonly stepsPerTickMax: number;
  /** What devices said that waits to be kept. */
  readonly feedbackPendingMax: number;
  /** Whether devices get releases through campaigns alone. */
  readonly required: boolean;
  /** Whether every campaign has to be approved by an operator who did not make it. */
  readonly needApproval: boolean;
}

export interface CampaignsOptions extends BookParts, Omit<AdvanceParts, 'book' | 'limits' | 'assertThings'> {
  readonly releases: Pick<ReleaseService, 'release' | 'releases'>;
  readonly search: Pick<Search, 'select' | 'assertQuery'>;
  readonly things: AdvanceParts['things'] & Pick<Things, 'attachmentsOf'>;
  readonly denials: Pick<Denials, 'record'>;
  readonly operators: Pick<OperatorService, 'areIndependent'>;
  readonly limits: CampaignLimits;
}

/** A campaign that is not over, with its open actions, from memory. */
export interface CampaignUnderWay {
  readonly campaign: Campaign;
  readonly open: Iterable<Action>;
  actionOf(thingName: ThingName): Action | undefined;
}

/** What an operator wants to roll out, by the path of its target. */
export type NewCampaign = Omit<CampaignDefinition, 'release'> & { readonly releasePath: string };
/** A campaign with how far it is, and what was seen of trouble while it is not over. */
export type CampaignView = CampaignProgress & { readonly troubles: readonly TroubleFinding[] };
/** What an operator does with a campaign. */
export type OperatorStep = 'approve' | 'start' | 'pause' | 'resume' | 'cancel';
type Operator = Extract<Actor, { readonly kind: 'operator' }>;

/** Of which device something was seen: of its certificate, and the thing where that is known already. */
export interface SeenPeer {
  readonly certificateId?: CertificateId;
  readonly thingName?: ThingName | undefined;
}

/** What a device asked for itself, and a policy did not allow. */
const askedAndDenied: ReadonlySet<DenialCause> = new Set([
  'connect_denied',
  'publish_denied',
  'subscribe_denied',
  'request_denied',
]);

/** Rollouts of releases over parts of the fleet, stage after stage, that stop themselves when it goes wrong. */
export class Campaigns {
  readonly #options: CampaignsOptions;
  readonly #book: CampaignBook;
  readonly #ticker: Ticker;
  readonly #turns = new Turns();
  readonly offers: CampaignOffers;
  readonly feedback: DeviceFeedback;

  private constructor(options: CampaignsOptions) {
    const book = new CampaignBook(options);
    this.#options = options;
    this.#book = book;
    this.#ticker = new Ticker({ ...options, book, assertThings: (campaign) => this.#assertThings(campaign) });
    this.feedback = new DeviceFeedback({ ...options, book, inTurn: (work) => this.#inTurn(work) });
    this.offers = new CampaignOffers({
      ...options,
      book,
      fetched: (thingName, offer) => this.feedback.fetched(thingName, offer),
    });
  }

  /** Reads the campaigns that are not over into memory: each goes on where it was. */
  static async open(options: CampaignsOptions): Promise<Campaigns> {
    const campaigns = new Campaigns(options);
    await campaigns.#book.load();
    return campaigns;
  }

  /**
   * Campaigns that are not over and those that are and still listed, things of the largest one, those that wait, those that devices are
   * at, and outcomes that wait to be kept.
   */
  get counts(): Readonly<
    Record<'open' | 'over' | 'largest' | 'waiting' | 'active' | 'feedbackPending', number>
  > {
    const { runs, overCount: over } = this.#book;
    let waiting = 0;
    let active = 0;
    for (const { tally } of runs) {
      waiting += tally.of('SCHEDULED');
      active += tally.open - tally.of('SCHEDULED');
    }
    const largest = Math.max(0, ...runs.map(({ size }) => size));
    return { open: runs.length, over, largest, waiting, active, feedbackPending: this.feedback.waiting };
  }

  get underWay(): readonly CampaignUnderWay[] {
    return this.#book.runs;
  }

  underWayOf(campaignId: string): CampaignUnderWay | undefined {
    return this.#book.run(campaignId);
  }

  /** An action by its number, with the release of its campaign; from the records when it is over. */
  async findAction(
    actionId: number,
  ): Promise<
    { readonly action: Action; readonly release: CampaignRelease; readonly isOver: boolean } | undefined
  > {
    const stored = await this.#options.store.action(actionId);
    if (stored === undefined) return undefined;
    const { release } = await this.#book.find(stored.campaignId);
    const open = this.#book.run(stored.campaignId)?.actionOf(stored.thingName);
    return open?.actionId === actionId
      ? { action: open, release, isOver: false }
      : { action: stored, release, isOver: true };
  }

  /** Whether some campaign wants to know what is seen of devices. */
  get isWatching(): boolean {
    return this.#book.runs.some(({ trouble }) => trouble !== undefined);
  }

  /** Counts what is seen of a device, for the campaigns that it says something about; cheap where there is none, and never throws. */
  sees({ certificateId, thingName }: SeenPeer, sight: Sight): void {
    if (!this.isWatching) return;
    const attached = certificateId === undefined ? [] : this.#options.things.attachmentsOf(certificateId);
    const name = thingName ?? (attached.length === 1 ? attached[0]?.thingName : undefined);
    if (name === undefined) return;
    const nowMs = this.#options.clock.now();
    for (const run of this.#book.runs) run.sees(name, { sight, nowMs });
  }

  /** As `sees`, of what was refused: no more than is about a device's own doing. */
  denied(report: Pick<DenialReport, 'cause' | 'certificateId' | 'thingName'>): void {
    if (askedAndDenied.has(report.cause)) this.sees(report, 'denials');
  }

  /** Throws `campaigns.release_unknown`, `campaigns.invalid`, `campaigns.limit`, `groups.not_found`, or what a search throws of a query. */
  create({ releasePath, ...rest }: NewCampaign, by: Operator): Promise<CampaignView> {
    return this.#inTurn(async () => {
      const published = this.#options.releases.release(releasePath);
      if (published === undefined) throw releaseUnknown(releasePath);
      return this.#progress(await this.#create({ ...rest, release: releaseOf(published) }, by));
    });
  }

  /** The newest first. */
  async list(): Promise<readonly CampaignView[]> {
    const campaigns = await this.#options.store.campaigns();
    return Promise.all(campaigns.map((campaign) => this.#progress(campaign)));
  }

  /** Throws `campaigns.not_found`. */
  async get(campaignId: string): Promise<CampaignView> {
    return this.#progress(await this.#book.find(campaignId));
  }

  /** Throws `campaigns.not_found`. */
  async actions(range: Parameters<CampaignStore['actions']>[0]): Promise<readonly Action[]> {
    await this.#book.find(range.campaignId);
    return this.#options.store.actions(range);
  }

  /**
   * Throws `campaigns.state` for a step that may not be taken, `campaigns.own_approval`, and at the start `campaigns.empty` or
   * `campaigns.limit`.
   */
  change(
    { campaignId, event }: { readonly campaignId: string; readonly event: OperatorStep },
    by: Operator,
  ): Promise<CampaignView> {
    return this.#inTurn(async () => {
      const campaign = await this.#book.find(campaignId);
      const run = this.#book.run(campaignId);
      if (run === undefined) throw over(campaign);
      if (event === 'approve') this.#assertAnother(by, campaign);
      if (event === 'start') {
        // An approval that is missing is told first.
        stateAfter(campaign.state, event);
        await this.#assertThings(campaign);
      }
      await this.#book.step(run, { event, actor: by });
      return this.#progress(run.campaign);
    });
  }

  /**
   * Ends the campaign and rolls out the published release that carries what its things ran before, as a higher version. Throws
   * `campaigns.no_way_back` with what to publish when there is none.
   */
  rollBack(campaignId: string, by: Operator): Promise<CampaignView> {
    return this.#inTurn(async () => {
      const bad = await this.#book.find(campaignId);
      const before = await this.#options.store.previous(campaignId);
      const definition = rollBackDefinition(bad, { before, published: this.#options.releases.releases() });
      const back = await this.#create(definition, by);
      const run = this.#book.run(campaignId);
      if (run !== undefined && !isStopped(run.campaign.state))
        await this.#book.step(run, { event: 'cancel', actor: by });
      const next = this.#book.run(back.campaignId);
      if (next?.campaign.state === 'READY') await this.#book.step(next, { event: 'start', actor: by });
      return this.get(back.campaignId);
    });
  }

  /** Lets go of a thing that is being removed. */
  async forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    const atMs = this.#options.clock.now();
    for (const run of this.#book.runs) {
      const gone = run.withoutThing(thingName, atMs);
      if (gone !== undefined) await this.#book.saveWithin(tx, run, { actions: [gone] });
    }
  }

  /** Offers, times out, judges and goes on, with bounded work for each campaign. Call it often. */
  advance(): Promise<void> {
    return this.#inTurn(() => this.#ticker.tick());
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('campaigns', work);
  }

  async #create(wanted: CampaignDefinition, by: Operator): Promise<Campaign> {
    const { clock, random, limits, groups, search } = this.#options;
    assertTerms(wanted.terms);
    if (wanted.startAtMs !== undefined && wanted.startAtMs < clock.now())
      throw new CampaignsError('campaigns.invalid', 'the time of the start has passed');
    if (this.#book.runs.length >= limits.openMax) throw tooMany(limits.openMax);
    if (wanted.target.groupName !== undefined) groups.get(wanted.target.groupName);
    if (wanted.target.query !== undefined) search.assertQuery(wanted.target.query);
    const needsApproval = wanted.needsApproval || limits.needApproval;
    const campaign: Campaign = {
      ...wanted,
      needsApproval,
      campaignId: toHex(random.bytes(8)),
      state: needsApproval ? 'PROPOSED' : 'READY',
      stage: 0,
      pacedFromMs: 0,
      createdAtMs: clock.now(),
      createdBy: by.operatorId,
    };
    await this.#book.add(campaign, by);
    return campaign;
  }

  /** Nobody who could have made the other for the purpose counts as another. */
  #assertAnother({ operatorId }: Operator, { createdBy }: Campaign): void {
    if (operatorId === createdBy) throw ownApproval('another operator approves than the one who made it');
    if (this.#options.operators.areIndependent(operatorId, createdBy)) return;
    throw ownApproval(
      'you and the one who made it came by the same invitations: who approves has come by a setup token of the machine of their own',
    );
  }

  /** What would never end, or never fit, is not begun. */
  async #assertThings({ target }: Campaign): Promise<void> {
    const { store, things, groups, search, limits } = this.#options;
    const { length } = await selectThings(target, { store, things, groups, search });
    if (length === 0 && !target.isContinuous)
      throw new CampaignsError('campaigns.empty', 'there is no thing that the campaign is for');
    if (length > limits.thingsMax)
      throw new CampaignsError(
        'campaigns.limit',
        `the campaign is for ${length} things; it may have ${limits.thingsMax} (setting \`campaigns.thingsMax\`): choose by group, query or attribute`,
      );
  }

  async #progress(campaign: Campaign): Promise<CampaignView> {
    const run = this.#book.run(campaign.campaignId);
    const counts = run?.tally.counts ?? (await this.#options.store.counts(campaign.campaignId));
    const troubles = run?.trouble?.seen().map(findingOf) ?? [];
    return { ...progressOf(run?.campaign ?? campaign, counts), troubles };
  }
}

function releaseUnknown(path: string): CampaignsError {
  return new CampaignsError(
    'campaigns.release_unknown',
    `the published targets list no release \`${path}\`: publish it first`,
  );
}

function tooMany(openMax: number): CampaignsError {
  return new CampaignsError(
    'campaigns.limit',
    `there are ${openMax} campaigns that are not over (setting \`campaigns.openMax\`); cancel one first`,
  );
}

function over({ campaignId, state }: Campaign): CampaignsError {
  return new CampaignsError('campaigns.state', `campaign \`${campaignId}\` is over: ${state}`);
}

function ownApproval(message: string): CampaignsError {
  return new CampaignsError('campaigns.own_approval', message);
}
