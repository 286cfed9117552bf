import {
  type CertificateId,
  type JsonObject,
  type Sha256,
  type ThingName,
  type Transaction,
  toHex,
} from '@fleetward/core';
import type { DenialCause, DenialReport, Denials } from '../denials/index.ts';
import { Inbox } from '../inbox.ts';
import type { OperatorService } from '../operators/index.ts';
import type { ReleaseService } from '../releases/index.ts';
import type { Search } from '../search/index.ts';
import type { Things } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { type BookParts, CampaignBook, stateAfter } from './book.ts';
import { CampaignsError } from './errors.ts';
import { type CampaignProgress, progressOf } from './progress.ts';
import { actionIdOf, type Feedback, judgeReport } from './report.ts';
import type { CampaignRun } from './run.ts';
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

/** What a device said of itself, and who brought it. */
export interface ToldReport {
  readonly thingName: ThingName;
  readonly certificateId: CertificateId;
  readonly remoteAddress: string;
  readonly report: JsonObject;
}

/** What a thing is to install now: a release of the published targets. */
export interface CampaignOffer {
  readonly campaignId: string;
  readonly actionId: number;
  readonly path: string;
  readonly sha256: Sha256;
  readonly lengthBytes: number;
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

/** What the device of a thing said of its action. */
interface Letter {
  readonly thingName: ThingName;
  readonly campaignId: string;
  readonly actionId: number;
  readonly feedback: Feedback;
}

/** Outcomes that one transaction makes durable. */
const lettersMax = 500;

/** Rollouts of releases over parts of the fleet, stage after stage, that stop themselves when it goes wrong. */
export class Campaigns {
  readonly #options: CampaignsOptions;
  readonly #book: CampaignBook;
  readonly #ticker: Ticker;
  readonly #inbox: Inbox<Letter, undefined>;
  readonly #turns = new Turns();
  readonly #noting = new Set<number>();

  private constructor(options: CampaignsOptions) {
    this.#options = options;
    this.#book = new CampaignBook(options);
    this.#ticker = new Ticker({
      ...options,
      book: this.#book,
      assertThings: (campaign) => this.#assertThings(campaign),
    });
    this.#inbox = new Inbox({
      waitingMax: options.limits.feedbackPendingMax,
      batchMax: lettersMax,
      write: (letters) => this.#inTurn(() => this.#settle(letters)),
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
    return { open: runs.length, over, largest, waiting, active, feedbackPending: this.#inbox.waiting };
  }

  /** From memory: what the thing is offered now, of all campaigns; never two things at once. */
  offerFor(thingName: ThingName): CampaignOffer | undefined {
    const found = this.#book.activeOf(thingName);
    if (found === undefined) return undefined;
    const { campaignId, release } = found.run.campaign;
    const timeZone = this.#options.things.known(thingName)?.attributes.timezone;
    const nowMs = this.#options.clock.now();
    if (!found.run.isOffered(found.action, { nowMs, timeZone })) return undefined;
    if (!this.#book.isPublished(found.run.campaign)) return undefined;
    const { path, sha256, lengthBytes } = release;
    return { campaignId, actionId: found.action.actionId, path, sha256, lengthBytes };
  }

  get underWay(): readonly CampaignUnderWay[] {
    return this.#book.runs;
  }

  underWayOf(campaignId: string): CampaignUnderWay | undefined {
    return this.#book.run(campaignId);
  }

  /** From memory: whether a device may be at what some campaign offered the thing, so that it is offered nothing else. */
  isBusy(thingName: ThingName): boolean {
    return this.#book.activeOf(thingName) !== undefined;
  }

  /** From memory: whether a release is offered by its publication, to everybody it fits. */
  isFree(sha256: Sha256): boolean {
    return !this.#options.limits.required && !this.#book.isHeld(sha256);
  }

  /** From memory: whether the thing is offered these bytes, by a campaign or by their publication. That it fetches them is noted. */
  mayFetch(
    { thingName }: { readonly thingName?: ThingName },
    { sha256 }: { readonly sha256: Sha256 },
  ): boolean {
    const offer = thingName && this.offerFor(thingName);
    if (thingName === undefined || offer?.sha256 !== sha256) return this.isFree(sha256);
    this.#noteDownload(thingName, offer);
    return true;
  }

  /** What its campaign caps the download with. */
  capsOf(
    { thingName }: { readonly thingName?: ThingName },
    { sha256 }: { readonly sha256: Sha256 },
  ): readonly { readonly key: string; readonly bytesPerSecond: number }[] {
    const offer = thingName && this.offerFor(thingName);
    if (offer?.sha256 !== sha256) return [];
    const { campaignId } = offer;
    const bytesPerSecond = this.#book.run(campaignId)?.campaign.terms.bytesPerSecondMax;
    return bytesPerSecond === undefined ? [] : [{ key: `campaign ${campaignId}`, bytesPerSecond }];
  }

  /** Once for an offer. What cannot be kept is noted with the next request for a part of it. */
  #noteDownload(thingName: ThingName, { campaignId, actionId }: CampaignOffer): void {
    if (this.#book.activeOf(thingName)?.action.state !== 'OFFERED' || this.#noting.has(actionId)) return;
    this.#noting.add(actionId);
    const done = () => void this.#noting.delete(actionId);
    this.#inbox.put({ thingName, campaignId, actionId, feedback: { event: 'download' } }).then(done, done);
  }

  /**
   * Takes the outcome out of what the agent of a thing reports; resolves when it is durable. Throws `campaigns.action_unknown` for a
   * report about the action of another thing, which is recorded.
   */
  async reported({ thingName, report, ...peer }: ToldReport): Promise<void> {
    const named = actionIdOf(report);
    if (named !== undefined && !(await this.#isActionOf(thingName, named)))
      throw this.#foreign({ thingName, ...peer }, named);
    for (const run of this.#book.runs) {
      const action = run.actionOf(thingName);
      if (action === undefined || action.attempts === 0) continue;
      const feedback = judgeReport(report, run.campaign.release);
      if (feedback === undefined) continue;
      const { campaignId } = run.campaign;
      await this.#inbox.put({ thingName, campaignId, actionId: action.actionId, feedback });
    }
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

  /** Takes what the device of a thing said of its action, whatever protocol it speaks; resolves when it is durable. */
  async told({
    thingName,
    actionId,
    feedback,
  }: {
    readonly thingName: ThingName;
    readonly actionId: number;
    readonly feedback: Feedback;
  }): Promise<void> {
    const run = this.#book.runs.find((one) => one.actionOf(thingName)?.actionId === actionId);
    if (run === undefined) return;
    await this.#inbox.put({ thingName, campaignId: run.campaign.campaignId, actionId, feedback });
  }

  async #isActionOf(thingName: ThingName, actionId: number): Promise<boolean> {
    if (this.#book.runs.some((run) => run.actionOf(thingName)?.actionId === actionId)) return true;
    return (await this.#options.store.action(actionId))?.thingName === thingName;
  }

  #foreign(peer: Omit<ToldReport, 'report'>, actionId: number): CampaignsError {
    const explanation = `the report is about action ${actionId}, which is not one of thing \`${peer.thingName}\``;
    this.#options.denials.record({ ...peer, cause: 'foreign_feedback', explanation });
    return new CampaignsError('campaigns.action_unknown', explanation);
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

  /** All in one transaction. What came to nothing meanwhile changes nothing. */
  async #settle(letters: readonly Letter[]): Promise<readonly undefined[]> {
    const { clock, random, transactor } = this.#options;
    const settled = new Map<CampaignRun, Map<ThingName, Action>>();
    for (const { campaignId, thingName, actionId, feedback } of letters) {
      const run = this.#book.run(campaignId);
      if (run === undefined) continue;
      const changed = settled.get(run) ?? new Map<ThingName, Action>();
      const action = changed.get(thingName) ?? run.actionOf(thingName);
      if (action?.actionId !== actionId) continue;
      const after = run.settled(action, feedback, { nowMs: clock.now(), random });
      if (after !== undefined) settled.set(run, changed.set(thingName, after));
    }
    if (settled.size > 0)
      await transactor.transact(async (tx) => {
        for (const [run, changed] of settled)
          await this.#book.saveWithin(tx, run, { actions: [...changed.values()] });
      });
    return letters.map(() => undefined);
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
