import {
  type CertificateId,
  type Clock,
  type Random,
  type Transaction,
  type Transactor,
  toHex,
} from '@fleetward/core';
import { isOnHold } from '../certificates/index.ts';
import { type Pace, paceFrom, takeCalls } from '../pace.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { RenewalsError } from './errors.ts';
import { OpenCampaign } from './open-campaign.ts';
import { type CampaignEvent, campaignSteps, type MemberState } from './rules.ts';
import { type SelectParts, selectMembers } from './select-members.ts';
import type { RenewalCampaign, RenewalMember, RenewalSelection, RenewalStore } from './store.ts';

export interface RenewalCampaignsOptions extends Omit<SelectParts, 'nowMs' | 'certificates'> {
  readonly store: RenewalStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly certificates: SelectParts['certificates'];
  readonly limits: RenewalLimits;
}

export interface RenewalLimits {
  /** Campaigns that are not over. */
  readonly openMax: number;
  /** Certificates of one campaign. */
  readonly membersMax: number;
  /** Campaigns that are over and still listed. */
  readonly keptMax: number;
}

/** A campaign with how far it is. */
export interface RenewalProgress extends RenewalCampaign {
  readonly counts: Readonly<Record<MemberState, number>>;
}

/** An operator's wish that a part of the fleet renews early: devices are called one after the other, at a rate. */
export class RenewalCampaigns {
  readonly #options: RenewalCampaignsOptions;
  readonly #open = new Map<string, OpenCampaign>();
  readonly #turns = new Turns();

  private constructor(options: RenewalCampaignsOptions) {
    this.#options = options;
  }

  /** Reads the campaigns that are not over into memory: each goes on where it was. */
  static async open(options: RenewalCampaignsOptions): Promise<RenewalCampaigns> {
    const renewals = new RenewalCampaigns(options);
    for (const campaign of await options.store.campaigns()) {
      if (campaign.endedAtMs !== undefined) continue;
      const open = new OpenCampaign(campaign);
      await open.load(options.store);
      renewals.#open.set(campaign.campaignId, open);
    }
    return renewals;
  }

  /** From memory: whether the device of this certificate is asked to renew now. */
  isCalled(certificateId: CertificateId): boolean {
    for (const { open, state } of this.#members(certificateId))
      if (open.campaign.state === 'RUNNING' && state === 'CALLED') return true;
    return false;
  }

  /** Campaigns that are not over, and their members that are not done. */
  get openCounts(): { readonly campaigns: number; readonly members: number } {
    const open = [...this.#open.values()];
    return { campaigns: open.length, members: open.reduce((sum, one) => sum + one.openMembers().length, 0) };
  }

  /** Throws `renewals.empty` when nothing matches, `renewals.limit`, or `groups.not_found`. */
  start(
    wanted: { readonly selection: RenewalSelection; readonly ratePerMinute: number },
    by: { readonly operatorId: string },
  ): Promise<RenewalProgress> {
    return this.#turns.take('campaigns', async () => {
      this.#assertRoom();
      const nowMs = this.#options.clock.now();
      const members = await selectMembers(wanted.selection, { ...this.#options, nowMs });
      this.#assertMembers(members.length);
      const campaign: RenewalCampaign = {
        campaignId: toHex(this.#options.random.bytes(8)),
        selection: wanted.selection,
        state: 'RUNNING',
        pace: paceFrom(wanted.ratePerMinute, nowMs),
        members: members.length,
        createdAtMs: nowMs,
        createdBy: by.operatorId,
      };
      await this.#add(campaign, members, { kind: 'operator', operatorId: by.operatorId });
      return this.get(campaign.campaignId);
    });
  }

  /** The newest first. */
  async list(): Promise<readonly RenewalProgress[]> {
    const campaigns = await this.#options.store.campaigns();
    return Promise.all(campaigns.map((campaign) => this.#progress(campaign)));
  }

  /** Throws `renewals.not_found`. */
  async get(campaignId: string): Promise<RenewalProgress> {
    const campaign = (await this.#options.store.campaigns()).find((one) => one.campaignId === campaignId);
    if (campaign === undefined) throw notFound(campaignId);
    return this.#progress(campaign);
  }

  async members(range: Parameters<RenewalStore['members']>[0]): Promise<readonly RenewalMember[]> {
    await this.get(range.campaignId);
    return this.#options.store.members(range);
  }

  /** Throws `renewals.not_found`, or `renewals.state` for a step that may not be taken. */
  change(
    { campaignId, event }: { readonly campaignId: string; readonly event: Exclude<CampaignEvent, 'done'> },
    actor: Actor,
  ): Promise<RenewalProgress> {
    return this.#turns.take('campaigns', async () => {
      const { state } = this.#open.get(campaignId)?.campaign ?? (await this.get(campaignId));
      const open = this.#open.get(campaignId);
      if (open === undefined || campaignSteps[state][event] === undefined) throw cannot(event, state);
      await this.#options.transactor.transact((tx) => this.#step(tx, open, { event, actor }));
      return this.get(campaignId);
    });
  }

  /** Part of the renewal itself: what is renewed is not asked for again. */
  async renewedWithin(tx: Transaction, certificateId: CertificateId): Promise<void> {
    const atMs = this.#options.clock.now();
    for (const { open } of this.#members(certificateId))
      await open.step(tx, { store: this.#options.store, event: 'renew', atMs }, [certificateId]);
  }

  /** Calls whom the rate allows, lets go of whom the platform revoked or believes no more, and ends what is done. Call it often. */
  async advance(): Promise<void> {
    await this.#turns.take('campaigns', async () => {
      for (const open of [...this.#open.values()]) await this.#advance(open);
    });
  }

  async #advance(open: OpenCampaign): Promise<void> {
    const { transactor, store, clock } = this.#options;
    const atMs = clock.now();
    const gone = open.openMembers().filter((certificateId) => this.#isGone(certificateId));
    const left = new Set(gone);
    const waiting = open.waiting().filter((certificateId) => !left.has(certificateId));
    const { campaign } = open;
    const { count, pace } =
      campaign.state === 'RUNNING'
        ? takeCalls(campaign.pace, { nowMs: atMs, waiting: waiting.length })
        : { count: 0, pace: campaign.pace };
    if (gone.length > 0 || count > 0)
      await transactor.transact(async (tx) => {
        await open.step(tx, { store, event: 'leave', atMs }, gone);
        await open.step(tx, { store, event: 'call', atMs }, waiting.slice(0, count));
        await this.#put(tx, open, { ...campaign, pace });
      });
    if (!open.isDone) return;
    const actor = { kind: 'system' } as const;
    await transactor.transact((tx) => this.#step(tx, open, { event: 'done', actor }));
  }

  /** One that was revoked for ever, or is of a removed CA, has nothing to renew; a hold may be lifted, and one that expired may still renew in its grace. */
  #isGone(certificateId: CertificateId): boolean {
    const { certificates } = this.#options;
    const summary = certificates.summary(certificateId);
    if (summary === undefined || certificates.isRemovedCa(summary.issuerId)) return true;
    return summary.state === 'REVOKED' && !isOnHold(summary);
  }

  async #add(campaign: RenewalCampaign, members: readonly RenewalMember[], actor: Actor): Promise<void> {
    const { store, transactor, trail, limits } = this.#options;
    const over = (await store.campaigns()).filter(({ endedAtMs }) => endedAtMs !== undefined);
    const { campaignId, selection, pace } = campaign;
    const payload = {
      campaignId,
      selection: { ...selection },
      ratePerMinute: pace.ratePerMinute,
      members: members.length,
    };
    await transactor.transact(async (tx) => {
      for (const old of over.slice(limits.keptMax)) await store.remove(tx, old.campaignId);
      await store.add(tx, campaign, members);
      await trail.append(tx, { kind: 'renewal.started', actor, payload });
      tx.afterCommit(() => {
        const open = new OpenCampaign(campaign);
        for (const { certificateId, state } of members) open.put(certificateId, state);
        this.#open.set(campaignId, open);
      });
    });
  }

  async #step(
    tx: Transaction,
    open: OpenCampaign,
    { event, actor }: { readonly event: CampaignEvent; readonly actor: Actor },
  ): Promise<void> {
    const { campaign } = open;
    const state = campaignSteps[campaign.state][event];
    if (state === undefined) throw cannot(event, campaign.state);
    const nowMs = this.#options.clock.now();
    const isOver = Object.keys(campaignSteps[state]).length === 0;
    const pace: Pace = event === 'resume' ? paceFrom(campaign.pace.ratePerMinute, nowMs) : campaign.pace;
    await this.#put(tx, open, { ...campaign, state, pace, ...(isOver ? { endedAtMs: nowMs } : {}) });
    const payload = { campaignId: campaign.campaignId, state };
    await this.#options.trail.append(tx, { kind: 'renewal.state_changed', actor, payload });
    if (isOver) tx.afterCommit(() => this.#open.delete(campaign.campaignId));
  }

  async #put(tx: Transaction, open: OpenCampaign, campaign: RenewalCampaign): Promise<void> {
    await this.#options.store.update(tx, campaign);
    tx.afterCommit(() => {
      open.campaign = campaign;
    });
  }

  async #progress(campaign: RenewalCampaign): Promise<RenewalProgress> {
    return { ...campaign, counts: await this.#options.store.counts(campaign.campaignId) };
  }

  *#members(certificateId: CertificateId) {
    for (const open of this.#open.values()) {
      const state = open.stateOf(certificateId);
      if (state !== undefined) yield { open, state };
    }
  }

  #assertRoom(): void {
    const { openMax } = this.#options.limits;
    if (this.#open.size < openMax) return;
    throw new RenewalsError(
      'renewals.limit',
      `there are ${openMax} campaigns that are not over (setting \`renewals.openMax\`); cancel one first`,
    );
  }

  #assertMembers(count: number): void {
    const { membersMax } = this.#options.limits;
    if (count === 0)
      throw new RenewalsError('renewals.empty', 'no thing has an active certificate that matches');
    if (count > membersMax)
      throw new RenewalsError(
        'renewals.limit',
        `${count} certificates match; a campaign has at most ${membersMax} (setting \`renewals.membersMax\`): choose by group or expiry`,
      );
  }
}

function notFound(campaignId: string): RenewalsError {
  return new RenewalsError('renewals.not_found', `there is no renewal campaign \`${campaignId}\``);
}

function cannot(event: string, state: string): RenewalsError {
  return new RenewalsError('renewals.state', `a campaign that is ${state} cannot ${event}`);
}
