import type { Clock, JsonObject, Random, Sha256, ThingName, Transaction, Transactor } from '@fleetward/core';
import { paceFrom } from '../pace.ts';
import type { ReleaseService } from '../releases/index.ts';
import { rateNow } from '../rollout-rate.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { CampaignsError } from './errors.ts';
import { CampaignRun } from './run.ts';
import { type CampaignEvent, type CampaignState, campaignSteps, isStopped } from './steps.ts';
import type { Action, Campaign, CampaignStore, StopReason } from './store.ts';

/** A campaign stopped by itself. */
export interface CampaignStopped {
  readonly kind: 'campaign-stopped';
  readonly campaignId: string;
  readonly state: CampaignState;
  readonly because: StopReason;
}

export interface BookParts {
  readonly store: CampaignStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly releases: Pick<ReleaseService, 'release'>;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: CampaignStopped) => void;
}

export interface Step {
  readonly event: CampaignEvent | 'advance';
  readonly actor: Actor;
  readonly because?: StopReason;
}

const pageSize = 1_000;

/** The campaigns that are not over, and every change of them: durable first, then in memory, with its entry in the trail. */
export class CampaignBook {
  readonly parts: BookParts;
  readonly #open = new Map<string, CampaignRun>();
  /** Ids of those that are over, the oldest first. */
  readonly #over: string[] = [];
  /** The newest campaign of some bytes. */
  readonly #newest = new Map<Sha256, Campaign>();
  #lastActionId = 0;

  constructor(parts: BookParts) {
    this.parts = parts;
  }

  async load(): Promise<void> {
    const { store, clock } = this.parts;
    // Also where a backup was restored, or the campaign with the highest number was forgotten (docs/adr/0006).
    this.#lastActionId = Math.max(await store.lastActionId(), Math.floor(clock.now() / 1_000));
    for (const campaign of (await store.campaigns()).toReversed()) {
      this.#newest.set(campaign.release.sha256, campaign);
      if (campaign.endedAtMs !== undefined) {
        this.#over.push(campaign.campaignId);
        continue;
      }
      const run = new CampaignRun(campaign);
      await loadActions(run, store);
      this.#open.set(campaign.campaignId, run);
    }
  }

  get runs(): readonly CampaignRun[] {
    return [...this.#open.values()];
  }

  /** Those that are over and not forgotten. */
  get overCount(): number {
    return this.#over.length;
  }

  run(campaignId: string): CampaignRun | undefined {
    return this.#open.get(campaignId);
  }

  /** The oldest campaign that is over and may be forgotten, when there are more than may be kept. */
  overdue(keptMax: number): string | undefined {
    if (this.#over.length <= keptMax) return undefined;
    // Forgotten, what it holds back would be offered to everybody.
    const holding = [...this.#newest.values()].filter(
      (campaign) => this.isHeld(campaign.release.sha256) && this.isPublished(campaign),
    );
    return this.#over.find((id) => !holding.some(({ campaignId }) => campaignId === id));
  }

  /** Throws `campaigns.not_found`. */
  async find(campaignId: string): Promise<Campaign> {
    const open = this.run(campaignId)?.campaign;
    const found = open ?? (await this.parts.store.campaigns()).find((one) => one.campaignId === campaignId);
    if (found !== undefined) return found;
    throw new CampaignsError('campaigns.not_found', `there is no campaign \`${campaignId}\``);
  }

  /** Whether what the campaign rolls out is offered by the published targets, byte for byte. */
  isPublished({ release: { path, sha256 } }: Campaign): boolean {
    return this.parts.releases.release(path)?.sha256 === sha256;
  }

  /** Whether the bytes are for those alone whom a campaign offers them: there is one, and the newest did not come to a good end. */
  isHeld(sha256: Sha256): boolean {
    const state = this.#newest.get(sha256)?.state;
    return state !== undefined && state !== 'COMPLETED';
  }

  /** Numbers for so many actions, rising, never given out before. */
  takeActionIds(count: number): readonly number[] {
    const first = this.#lastActionId + 1;
    this.#lastActionId += count;
    return Array.from({ length: count }, (_, at) => first + at);
  }

  async add(campaign: Campaign, actor: Actor): Promise<CampaignRun> {
    const { store, transactor, trail } = this.parts;
    const run = new CampaignRun(campaign);
    await transactor.transact(async (tx) => {
      await store.add(tx, campaign);
      await trail.append(tx, { kind: 'campaign.created', actor, payload: createdPayload(campaign) });
      tx.afterCommit(() => {
        this.#open.set(campaign.campaignId, run);
        this.#newest.set(campaign.release.sha256, campaign);
      });
    });
    return run;
  }

  /** Throws `campaigns.state` for a step that the table does not have. */
  async step(run: CampaignRun, { event, actor, because }: Step): Promise<void> {
    const { transactor, trail, announce } = this.parts;
    const { because: before, ...campaign } = run.campaign;
    const state = event === 'advance' ? campaign.state : stateAfter(campaign.state, event);
    const isOnward = event === 'advance' || (event === 'resume' && before?.cause === 'stage');
    const next: Campaign = {
      ...campaign,
      state,
      ...(because === undefined ? {} : { because }),
      ...(isOnward ? { stage: Math.min(campaign.stage + 1, campaign.terms.stages.length - 1) } : {}),
      ...this.#marks(run, { event, actor }),
    };
    const { campaignId, stage } = next;
    const payload = {
      campaignId,
      state,
      stage,
      ...(because === undefined ? {} : { because: plainJson(because) }),
    };
    await transactor.transact(async (tx) => {
      await this.#put(tx, run, next);
      // Who goes on nevertheless has seen what was counted.
      const trouble = event === 'resume' && before?.cause === 'trouble' ? before.trouble : undefined;
      if (trouble !== undefined) tx.afterCommit(() => run.trouble?.goOn(trouble.kind));
      await trail.append(tx, { kind: 'campaign.state_changed', actor, payload });
      if (actor.kind === 'system' && because !== undefined)
        tx.afterCommit(() => announce({ kind: 'campaign-stopped', campaignId, state, because }));
    });
  }

  /** What else a step notes of a campaign. */
  #marks(run: CampaignRun, { event, actor }: Step): Partial<Campaign> {
    const nowMs = this.parts.clock.now();
    switch (event) {
      case 'approve':
        return actor.kind === 'operator' ? { approvedBy: actor.operatorId } : {};
      case 'start':
        return { startedAtMs: nowMs };
      // No burst after a standstill.
      case 'gathered':
      case 'resume':
        return { pacedFromMs: paceFrom(rateNow(run.campaign.terms.rate, run.tally), nowMs).fromMs };
      case 'cancel':
      case 'halt':
      case 'done':
        return run.tally.open === 0 ? { endedAtMs: nowMs } : {};
      default:
        return {};
    }
  }

  /** Actions as they are now, and up to when offers are spent. */
  async save(
    run: CampaignRun,
    { actions, pacedFromMs }: { readonly actions: readonly Action[]; readonly pacedFromMs?: number },
  ): Promise<void> {
    await this.parts.transactor.transact((tx) => this.saveWithin(tx, run, { actions, pacedFromMs }));
  }

  async saveWithin(
    tx: Transaction,
    run: CampaignRun,
    {
      actions,
      pacedFromMs,
    }: { readonly actions: readonly Action[]; readonly pacedFromMs?: number | undefined },
  ): Promise<void> {
    await this.parts.store.saveActions(tx, actions);
    if (pacedFromMs !== undefined && pacedFromMs !== run.campaign.pacedFromMs)
      await this.#put(tx, run, { ...run.campaign, pacedFromMs });
    tx.afterCommit(() => {
      for (const action of actions) run.put(action);
    });
  }

  /** A campaign that has stopped is over when no device is at it any more. */
  async end(run: CampaignRun): Promise<void> {
    if (!isStopped(run.campaign.state) || run.tally.open > 0) return;
    const ended = { ...run.campaign, endedAtMs: this.parts.clock.now() };
    await this.parts.transactor.transact((tx) => this.#put(tx, run, ended));
  }

  /** Removes some of a campaign that is over; all of it after a while. */
  async forget(campaignId: string, actionsMax: number): Promise<void> {
    const { store, transactor } = this.parts;
    await transactor.transact(async (tx) => {
      const isGone = await store.remove(tx, { campaignId, actionsMax });
      if (isGone) tx.afterCommit(() => this.#over.splice(this.#over.indexOf(campaignId), 1));
    });
  }

  async #put(tx: Transaction, run: CampaignRun, campaign: Campaign): Promise<void> {
    await this.parts.store.update(tx, campaign);
    tx.afterCommit(() => {
      run.campaign = campaign;
      const { campaignId, release } = campaign;
      if (this.#newest.get(release.sha256)?.campaignId === campaignId)
        this.#newest.set(release.sha256, campaign);
      if (campaign.endedAtMs === undefined) return;
      this.#open.delete(campaign.campaignId);
      this.#over.push(campaign.campaignId);
    });
  }

  /** The open action of the thing that a device may be at; there is one at most. */
  activeOf(thingName: ThingName): { readonly run: CampaignRun; readonly action: Action } | undefined {
    for (const run of this.#open.values()) {
      const action = run.actionOf(thingName);
      if (action !== undefined && action.state !== 'SCHEDULED') return { run, action };
    }
    return undefined;
  }
}

async function loadActions(run: CampaignRun, store: CampaignStore): Promise<void> {
  const { campaignId } = run.campaign;
  for (let after = 0; ; ) {
    const page = await store.actions({ campaignId, after, limit: pageSize });
    for (const action of page) run.put(action);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.actionId;
  }
}

function createdPayload(campaign: Campaign): JsonObject {
  const { campaignId, name, release, target, terms, needsApproval, startAtMs } = campaign;
  const { path, sha256, version } = release;
  return {
    campaignId,
    name,
    release: { path, sha256, version },
    needsApproval,
    ...plainJson({ target, terms, startAtMs }),
  };
}

/** As it is stored. */
function plainJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Throws `campaigns.state` for a step that may not be taken. */
export function stateAfter(state: CampaignState, event: CampaignEvent): CampaignState {
  const after = campaignSteps[state][event];
  if (after === undefined) throw cannot(event, state);
  return after;
}

function cannot(event: string, state: CampaignState): CampaignsError {
  return new CampaignsError('campaigns.state', `a campaign that is ${state} cannot ${event}`);
}
