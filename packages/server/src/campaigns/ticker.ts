import { AppError, type ThingName } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Search } from '../search/index.ts';
import type { DeviceReports, Things } from '../things/index.ts';
import type { CampaignBook } from './book.ts';
import type { CampaignRun } from './run.ts';
import { type SelectParts, selectThings, shuffled } from './select-things.ts';
import { isStopped } from './steps.ts';
import type { Action, Campaign } from './store.ts';
import { batteryOf, type Facts, installedOf, modelOf } from './turn.ts';

export interface AdvanceParts {
  readonly book: CampaignBook;
  readonly things: Pick<Things, 'known' | 'names' | 'revision'>;
  readonly reports: Pick<DeviceReports, 'find'>;
  readonly groups: Pick<Groups, 'get' | 'members' | 'isDynamic' | 'revision'>;
  readonly search: Pick<Search, 'select'>;
  /** Throws for a campaign that may not be started as things are. */
  readonly assertThings: (campaign: Campaign) => Promise<void>;
  readonly limits: { readonly thingsMax: number; readonly keptMax: number; readonly stepsPerTickMax: number };
}

const system = { kind: 'system' } as const;
/** How often it is looked for things that have come to the group of a continuous campaign. */
const joinEveryMs = 10_000;

/** What moves campaigns on by themselves: a bounded number of steps of each at every tick. */
export class Ticker {
  readonly #parts: AdvanceParts;
  /** Things that have yet to be taken in, by campaign. */
  readonly #gathering = new Map<string, ThingName[]>();
  readonly #looked = new Map<string, { readonly revision: string; readonly atMs: number }>();

  constructor(parts: AdvanceParts) {
    this.#parts = parts;
  }

  /** A campaign that cannot go on holds up no other; the first failure is thrown once all had their turn. */
  async tick(): Promise<void> {
    const { book, limits } = this.#parts;
    const failures: unknown[] = [];
    for (const run of book.runs) await this.#advance(run).catch((cause: unknown) => failures.push(cause));
    const overdue = book.overdue(limits.keptMax);
    if (overdue !== undefined) await book.forget(overdue, limits.stepsPerTickMax);
    if (failures.length > 0) throw failures[0];
  }

  async #advance(run: CampaignRun): Promise<void> {
    switch (run.campaign.state) {
      case 'PROPOSED':
        return;
      case 'READY':
        return this.#startWhenDue(run);
      case 'GATHERING':
        return this.#gather(run);
      default: {
        await this.#timeOut(run);
        await this.#judge(run);
        if (run.campaign.state === 'RUNNING') await this.#goOn(run);
        else if (isStopped(run.campaign.state)) await this.#windUp(run);
      }
    }
  }

  /** One that cannot start as it was planned is over: to begin later, on its own, is what nobody asked for. */
  async #startWhenDue(run: CampaignRun): Promise<void> {
    const { book, assertThings } = this.#parts;
    const { startAtMs } = run.campaign;
    if (startAtMs === undefined || book.parts.clock.now() < startAtMs) return;
    try {
      await assertThings(run.campaign);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const because = { cause: 'start', explanation: `it could not start: ${error.message}` } as const;
      return book.step(run, { event: 'cancel', actor: system, because });
    }
    await book.step(run, { event: 'start', actor: system });
  }

  /** Takes the things in, some at each tick; after a crash it begins again with those that are missing. */
  async #gather(run: CampaignRun): Promise<void> {
    const { campaignId } = run.campaign;
    const left = this.#gathering.get(campaignId) ?? (await this.#missingOrStop(run));
    if (left === undefined) return;
    this.#gathering.set(campaignId, left);
    await this.#takeIn(run, left);
    if (left.length > 0) return;
    this.#gathering.delete(campaignId);
    await this.#parts.book.step(run, { event: 'gathered', actor: system });
  }

  /** As `#missing`; where the target is no more, its campaign stops and says so instead of failing each second. */
  async #missingOrStop(run: CampaignRun): Promise<ThingName[] | undefined> {
    try {
      return await this.#missing(run);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const event = run.campaign.state === 'GATHERING' ? 'cancel' : 'pause';
      const explanation = `its things cannot be told any more: ${error.message}`;
      await this.#parts.book.step(run, { event, actor: system, because: { cause: 'target', explanation } });
      return undefined;
    }
  }

  async #missing(run: CampaignRun): Promise<ThingName[]> {
    const { book, limits } = this.#parts;
    const names = await selectThings(run.campaign.target, this.#selectParts);
    const missing = names.filter((name) => !run.isMember(name));
    return shuffled(missing, book.parts.random).slice(0, Math.max(0, limits.thingsMax - run.size));
  }

  get #selectParts(): SelectParts {
    const { book, things, groups, search } = this.#parts;
    return { things, groups, search, store: book.parts.store };
  }

  /** Takes some of the names out of the list, as new actions. */
  async #takeIn(run: CampaignRun, names: ThingName[]): Promise<void> {
    const { book, limits } = this.#parts;
    const some = names.slice(0, limits.stepsPerTickMax);
    const actionIds = book.takeActionIds(some.length);
    const { campaignId } = run.campaign;
    const sinceMs = book.parts.clock.now();
    const actions = some.map((thingName, at): Action => {
      return { actionId: actionIds[at]!, campaignId, thingName, state: 'SCHEDULED', sinceMs, attempts: 0 };
    });
    if (actions.length > 0) await book.save(run, { actions });
    names.splice(0, some.length);
  }

  async #timeOut(run: CampaignRun): Promise<void> {
    const { book, limits } = this.#parts;
    const { clock, random } = book.parts;
    const actions = run.timeOuts({ nowMs: clock.now(), max: limits.stepsPerTickMax, random });
    if (actions.length > 0) await this.#save(run, { actions, taken: actions });
  }

  async #save(
    run: CampaignRun,
    change: {
      readonly actions: readonly Action[];
      readonly taken: readonly Action[];
      readonly pacedFromMs?: number;
    },
  ): Promise<void> {
    try {
      await this.#parts.book.save(run, change);
    } catch (error) {
      run.requeue(change.taken);
      throw error;
    }
  }

  /** Stops or goes on by itself, before anything more is offered. */
  async #judge(run: CampaignRun): Promise<void> {
    const { book } = this.#parts;
    const { state } = run.campaign;
    if (state !== 'RUNNING' && state !== 'PAUSED') return;
    if (state === 'RUNNING' && !book.isPublished(run.campaign)) {
      const { path } = run.campaign.release;
      const explanation = `the published targets do not list \`${path}\` with these bytes any more`;
      return book.step(run, { event: 'pause', actor: system, because: { cause: 'release', explanation } });
    }
    const verdict = run.verdict();
    if (verdict === undefined) return;
    if (verdict.kind === 'halt')
      return book.step(run, { event: 'halt', actor: system, because: verdict.because });
    if (state !== 'RUNNING') return;
    if (verdict.kind === 'pause')
      return book.step(run, { event: 'pause', actor: system, because: verdict.because });
    return book.step(run, { event: verdict.kind, actor: system });
  }

  async #goOn(run: CampaignRun): Promise<void> {
    if (run.campaign.target.isContinuous) await this.#join(run);
    if (run.campaign.state !== 'RUNNING') return;
    const { book, limits, things } = this.#parts;
    const nowMs = book.parts.clock.now();
    const taken = run.candidates({ nowMs, max: limits.stepsPerTickMax });
    if (taken.length === 0) return;
    try {
      const facts = await this.#factsOf(run, taken);
      const isBusy = (thingName: ThingName) => book.activeOf(thingName) !== undefined;
      const factsOf = (thingName: ThingName): Facts => {
        const attributes = things.known(thingName)?.attributes ?? {};
        return { ...facts.get(thingName), attributes };
      };
      await book.save(run, run.turns(taken, { nowMs, factsOf, isBusy }));
    } catch (error) {
      run.requeue(taken);
      throw error;
    }
  }

  async #factsOf(run: CampaignRun, actions: readonly Action[]) {
    const { component } = run.campaign.release;
    const found = await Promise.all(
      actions.map(async ({ thingName }) => {
        const report = (await this.#parts.reports.find(thingName))?.report ?? {};
        return [
          thingName,
          {
            model: modelOf(report),
            installed: installedOf(report, component),
            batteryPercent: batteryOf(report),
          },
        ] as const;
      }),
    );
    return new Map(found);
  }

  /** Things that have come since; looked for when something has changed, and not too often. Time alone can bring things to a query. */
  async #join(run: CampaignRun): Promise<void> {
    const { book, things, groups } = this.#parts;
    const { campaignId, target } = run.campaign;
    const revision = `${things.revision} ${groups.revision}`;
    const atMs = book.parts.clock.now();
    const looked = this.#looked.get(campaignId);
    if (looked !== undefined && atMs - looked.atMs < joinEveryMs) return;
    const isFound =
      target.query !== undefined || (target.groupName !== undefined && groups.isDynamic(target.groupName));
    if (looked?.revision === revision && !isFound) return;
    const missing = await this.#missingOrStop(run);
    if (missing === undefined) return;
    await this.#takeIn(run, missing);
    // Those that are left are found again.
    if (missing.length === 0) this.#looked.set(campaignId, { revision, atMs });
  }

  /** After a stop: lets go of what no device has begun, and ends when the others have. */
  async #windUp(run: CampaignRun): Promise<void> {
    const { book, limits } = this.#parts;
    const { tally } = run;
    if (tally.of('SCHEDULED') + tally.of('OFFERED') > 0) {
      const nowMs = book.parts.clock.now();
      await book.save(run, { actions: run.leftovers({ nowMs, max: limits.stepsPerTickMax }) });
    }
    await book.end(run);
    this.#looked.delete(run.campaign.campaignId);
    this.#gathering.delete(run.campaign.campaignId);
  }
}

/** Of the campaign itself, or of the group or query that it is for; anything else may pass. */
function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && /^(campaigns|groups|search)\./.test(error.code);
}
