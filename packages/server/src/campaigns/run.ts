import type { Random, ThingName } from '@fleetward/core';
import { DueQueue } from '../due-queue.ts';
import { takeCalls } from '../pace.ts';
import { rateNow } from '../rollout-rate.ts';
import { type ActionChange, changedAction, failedAction, offeredAction, timesOutAtMs } from './action.ts';
import type { Feedback } from './report.ts';
import { startable, type Verdict, verdictOf } from './rollout.ts';
import { isActive, isEnd, isStopped } from './steps.ts';
import type { Action, Campaign } from './store.ts';
import { Tally } from './tally.ts';
import type { Side } from './trouble.ts';
import { type Sight, TroubleWatch } from './trouble-watch.ts';
import { type Facts, judgeTurn } from './turn.ts';
import { WindowClock } from './windows.ts';

/** Changes of actions, and the campaign with what its pace has spent. */
export interface Turns {
  readonly actions: readonly Action[];
  readonly pacedFromMs: number;
}

/**
 * A campaign that is not over, in memory: its open actions, its queues and its sums. It says what should change; whoever made that
 * durable puts it back in with `put`, in the tick of the commit.
 */
export class CampaignRun {
  campaign: Campaign;
  readonly tally = new Tally();
  readonly #open = new Map<ThingName, Action>();
  readonly #members = new Set<ThingName>();
  /** Things that have the release, by this campaign. */
  readonly #updated = new Set<ThingName>();
  /** Things that were never offered it, and those that were. */
  readonly #fresh = new DueQueue<Action>();
  readonly #again = new DueQueue<Action>();
  readonly #late = new DueQueue<Action>();
  readonly #windows: WindowClock | undefined;
  /** When something is to come of it. */
  readonly trouble: TroubleWatch | undefined;

  constructor(campaign: Campaign) {
    this.campaign = campaign;
    const { window, trouble = [] } = campaign.terms;
    this.#windows = window && new WindowClock(window);
    this.trouble = trouble.length === 0 ? undefined : new TroubleWatch();
  }

  /** What was made durable: a new action, or one in the place of what it was. */
  put(action: Action): void {
    const { thingName, state } = action;
    const before = this.#open.get(thingName);
    if (before !== undefined) this.tally.remove(before);
    this.tally.add(action);
    this.#members.add(thingName);
    if (isEnd(state)) {
      this.#open.delete(thingName);
      if (state === 'SUCCEEDED') this.#updated.add(thingName);
      // Not of what an earlier process wrote down.
      if (before !== undefined) this.sees(thingName, { sight: 'present', nowMs: action.sinceMs });
      return;
    }
    this.#open.set(thingName, action);
    if (state === 'SCHEDULED') this.#queue(action, action.notBeforeMs ?? 0);
    else if (before?.offeredAtMs !== action.offeredAtMs) this.#watch(action);
  }

  isMember(thingName: ThingName): boolean {
    return this.#members.has(thingName);
  }

  /** The action of the thing, while it is open. */
  readonly actionOf = (thingName: ThingName): Action | undefined => this.#open.get(thingName);

  get open(): Iterable<Action> {
    return this.#open.values();
  }

  get size(): number {
    return this.#members.size;
  }

  /** Whether the thing may begin, or go on. What began goes on whatever becomes of the campaign. */
  isOffered(
    { state }: Action,
    { nowMs, timeZone }: { readonly nowMs: number; readonly timeZone: string | undefined },
  ): boolean {
    if (!isActive(state)) return false;
    if (state !== 'OFFERED') return true;
    if (this.campaign.state !== 'RUNNING') return false;
    return this.#windows === undefined || this.#windows.at(timeZone, nowMs)?.isOpen === true;
  }

  /** Counts what is seen of a thing, where it says something of the release. */
  sees(thingName: ThingName, { sight, nowMs }: { readonly sight: Sight; readonly nowMs: number }): void {
    const side = this.trouble && this.#sideOf(thingName);
    if (side !== undefined) this.trouble?.note(thingName, { side, sight, nowMs });
  }

  /** One that is at an update starts again because of it, and one that failed is neither. */
  #sideOf(thingName: ThingName): Side | undefined {
    if (this.#updated.has(thingName)) return 'updated';
    return this.#open.get(thingName)?.attempts === 0 ? 'rest' : undefined;
  }

  verdict(): Verdict | undefined {
    const { stage, terms, target } = this.campaign;
    const { tally } = this;
    const seen = this.trouble?.seen() ?? [];
    return verdictOf({ ...terms, stage, tally, seen, isContinuous: target.isContinuous });
  }

  /** Attempts that have taken too long, as they end; at most so many. */
  timeOuts(options: { readonly nowMs: number; readonly max: number; readonly random: Random }): Action[] {
    const { nowMs, max, random } = options;
    const ended = new Map<number, Action>();
    while (ended.size < max) {
      const taken = this.#late.take(nowMs);
      if (taken === undefined) break;
      const action = this.actionOf(taken.thingName);
      // It ended meanwhile, or is at another attempt.
      if (action === undefined || action.offeredAtMs !== taken.offeredAtMs || action.state === 'SCHEDULED')
        continue;
      const explanation = `nothing came of it while it was ${action.state}`;
      const change = { event: 'timeOut', atMs: nowMs, cause: 'timed-out', explanation } as const;
      const after = this.failed(action, { ...change, mayPass: true, random });
      if (after !== undefined) ended.set(after.actionId, after);
    }
    return [...ended.values()];
  }

  /** After a transaction that failed: what was taken out of the queues comes back. */
  requeue(actions: Iterable<Action>): void {
    for (const { thingName } of actions) {
      const action = this.actionOf(thingName);
      if (action === undefined) continue;
      if (action.state === 'SCHEDULED') this.#queue(action, action.notBeforeMs ?? 0);
      else this.#watch(action);
    }
  }

  failed(
    action: Action,
    change: ActionChange & { readonly mayPass: boolean; readonly random: Random },
  ): Action | undefined {
    const { state, terms } = this.campaign;
    const cause = change.cause === undefined ? undefined : this.tally.causeOf(change.cause);
    const mayRetry = change.mayPass && !isStopped(state);
    return failedAction(action, { ...change, cause, mayRetry, retry: terms.retry });
  }

  /** The action after what its device said; `undefined` when that changes nothing. */
  settled(
    action: Action,
    feedback: Feedback,
    options: { readonly nowMs: number; readonly random: Random },
  ): Action | undefined {
    const { event, mayPass = false, ...why } = feedback;
    const change = { event, atMs: options.nowMs, ...why };
    if (event === 'fail') return this.failed(action, { ...change, mayPass, random: options.random });
    const cause = why.cause === undefined ? undefined : this.tally.causeOf(why.cause);
    return changedAction(action, { ...change, cause });
  }

  /** The open action of a thing that is no more, as it ends. */
  withoutThing(thingName: ThingName, atMs: number): Action | undefined {
    const action = this.actionOf(thingName);
    const explanation = 'the thing was removed';
    return action && changedAction(action, { event: 'cancel', atMs, cause: 'thing-removed', explanation });
  }

  /** Things whose turn it may be now, in their order; what is not taken of them is put back. */
  candidates({ nowMs, max }: { readonly nowMs: number; readonly max: number }): readonly Action[] {
    // After a transaction that failed one may be in the queue twice.
    const found = new Set<Action>();
    const wanted = Math.min(max, 4 * this.#allowance(nowMs) + 16);
    if (this.#allowance(nowMs) === 0) return [];
    const fill = (queue: DueQueue<Action>) => {
      while (found.size < wanted) {
        const taken = queue.take(nowMs);
        if (taken === undefined) return;
        // What is in the queue may be of before.
        if (this.actionOf(taken.thingName) === taken) found.add(taken);
      }
    };
    fill(this.#again);
    if (startable(this.#place) > 0) fill(this.#fresh);
    return [...found];
  }

  /** What becomes of the candidates: as many as may are offered the release. The others come back later by themselves. */
  turns(
    candidates: readonly Action[],
    options: {
      readonly nowMs: number;
      readonly factsOf: (thingName: ThingName) => Facts;
      /** Whether another campaign offers the thing something. */
      readonly isBusy: (thingName: ThingName) => boolean;
    },
  ): Turns {
    const { nowMs } = options;
    const actions: Action[] = [];
    let allowed = this.#allowance(nowMs);
    let fresh = startable(this.#place);
    let offers = 0;
    for (const action of candidates) {
      const isFresh = action.stage === undefined;
      if (allowed === 0 || (isFresh && fresh === 0)) {
        this.#queue(action, action.notBeforeMs ?? 0);
        continue;
      }
      const after = this.#turn(action, options);
      if (after === undefined) continue;
      actions.push(after);
      if (after.state !== 'OFFERED') continue;
      allowed--;
      offers++;
      if (isFresh) fresh--;
    }
    return { actions, pacedFromMs: this.#paced(nowMs, offers) };
  }

  /** One action's turn; where it has to wait it is queued again. */
  #turn(
    action: Action,
    {
      nowMs,
      factsOf,
      isBusy,
    }: {
      readonly nowMs: number;
      readonly factsOf: (thingName: ThingName) => Facts;
      readonly isBusy: (thingName: ThingName) => boolean;
    },
  ): Action | undefined {
    const { release, terms, stage } = this.campaign;
    const { thingName } = action;
    if (isBusy(thingName)) return this.#wait(action, nowMs + busyPauseMs);
    const facts = factsOf(thingName);
    const windows = this.#windows;
    const opening = windows && (windows.at(facts.attributes.timezone, nowMs) ?? 'no-such-zone');
    const { prerequisites } = terms;
    const turn = judgeTurn(facts, { release, prerequisites, opening, nowMs });
    switch (turn.kind) {
      case 'offer': {
        const { version: fromVersion, sha256: fromSha256 } = facts.installed ?? {};
        return offeredAction(action, { atMs: nowMs, stage, fromVersion, fromSha256 });
      }
      case 'has-it':
        return action.attempts > 0
          ? changedAction(action, { event: 'confirm', atMs: nowMs })
          : changedAction(action, {
              event: 'skip',
              atMs: nowMs,
              cause: 'has-it',
              explanation: `it runs ${release.version} already`,
            });
      case 'skip': {
        const { cause, explanation } = turn;
        return changedAction(action, { event: 'skip', atMs: nowMs, cause, explanation });
      }
      case 'wait':
        return this.#wait(action, turn.untilMs);
    }
  }

  #wait(action: Action, untilMs: number): undefined {
    this.#queue(action, untilMs);
  }

  /** Those that no device has begun, as they are let go; at most so many. */
  leftovers({ nowMs, max }: { readonly nowMs: number; readonly max: number }): readonly Action[] {
    const gone: Action[] = [];
    for (const action of this.#open.values()) {
      if (gone.length >= max) break;
      if (action.state !== 'SCHEDULED' && action.state !== 'OFFERED') continue;
      const after = changedAction(action, { event: 'cancel', atMs: nowMs });
      if (after !== undefined) gone.push(after);
    }
    return gone;
  }

  /** Offers that the rate allows now. */
  #allowance(nowMs: number): number {
    return takeCalls(this.#pace, { nowMs, waiting: Number.MAX_SAFE_INTEGER }).count;
  }

  #paced(nowMs: number, offers: number): number {
    return takeCalls(this.#pace, { nowMs, waiting: offers }).pace.fromMs;
  }

  get #pace() {
    const { terms, pacedFromMs } = this.campaign;
    return { ratePerMinute: rateNow(terms.rate, this.tally), fromMs: pacedFromMs };
  }

  get #place() {
    return { stages: this.campaign.terms.stages, stage: this.campaign.stage, tally: this.tally };
  }

  #queue(action: Action, dueMs: number): void {
    const queue = action.stage === undefined ? this.#fresh : this.#again;
    queue.add(action, { dueMs, order: action.actionId });
  }

  #watch(action: Action): void {
    const dueMs = timesOutAtMs(action, this.campaign.terms);
    if (dueMs !== undefined) this.#late.add(action, { dueMs, order: action.actionId });
  }
}

/** How long until a thing that another campaign is at is looked at again. */
const busyPauseMs = 60_000;
