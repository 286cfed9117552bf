import { rateNow } from '../rollout-rate.ts';
import { stageSize } from './rollout.ts';
import type { ActionState } from './steps.ts';
import type { ActionCount, Campaign } from './store.ts';
import { Tally } from './tally.ts';
import type { Stage } from './terms.ts';

export interface StageProgress {
  readonly share: Stage['share'];
  readonly things: number;
  readonly counts: Readonly<Partial<Record<ActionState, number>>>;
}

/** A campaign with how far it is. */
export interface CampaignProgress extends Campaign {
  readonly things: number;
  readonly ratePerMinute: number;
  readonly counts: Readonly<Partial<Record<ActionState, number>>>;
  readonly stages: readonly StageProgress[];
  /** Of those that failed, timed out or were rejected or skipped: how many for which cause, the most frequent first. */
  readonly causes: readonly { readonly state: ActionState; readonly cause: string; readonly count: number }[];
}

export function progressOf(campaign: Campaign, counts: readonly ActionCount[]): CampaignProgress {
  const tally = new Tally();
  for (const { count, ...kind } of counts) tally.add(kind, count);
  const { stages, rate } = campaign.terms;
  return {
    ...campaign,
    things: tally.total,
    ratePerMinute: rateNow(rate, tally),
    counts: byState(counts),
    stages: stages.map(({ share }, stage) => ({
      share,
      things: stageSize({ stages, stage, tally }),
      counts: byState(counts.filter((count) => count.stage === stage)),
    })),
    causes: causesOf(counts),
  };
}

function byState(counts: readonly ActionCount[]): Partial<Record<ActionState, number>> {
  const sums: Partial<Record<ActionState, number>> = {};
  for (const { state, count } of counts) sums[state] = (sums[state] ?? 0) + count;
  return sums;
}

function causesOf(counts: readonly ActionCount[]): CampaignProgress['causes'] {
  const sums = new Map<string, { state: ActionState; cause: string; count: number }>();
  for (const { state, cause, count } of counts) {
    if (cause === undefined) continue;
    const key = `${state} ${cause}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { state, cause, count });
    else sum.count += count;
  }
  return [...sums.values()].sort((a, b) => b.count - a.count || a.cause.localeCompare(b.cause));
}
