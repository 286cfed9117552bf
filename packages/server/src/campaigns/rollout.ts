import { type AbortRule, brokenRule, type Failure } from '../abort-rule.ts';
import type { StopReason } from './store.ts';
import type { Tally } from './tally.ts';
import type { Stage, StageShare, TroubleRule } from './terms.ts';
import { brokenTrouble, type TroubleSeen, troubleText } from './trouble.ts';

/** What is to become of a campaign by itself. */
export type Verdict =
  | { readonly kind: 'halt' | 'pause'; readonly because: StopReason }
  | { readonly kind: 'advance' }
  | { readonly kind: 'done' };

export interface Standing {
  readonly stages: readonly Stage[];
  readonly abort: readonly AbortRule[];
  readonly trouble?: readonly TroubleRule[];
  readonly seen: readonly TroubleSeen[];
  /** Index of the stage that runs. */
  readonly stage: number;
  readonly tally: Tally;
  readonly isContinuous: boolean;
}

/** Looks at the abort rules first, then whether all is done, then at trouble, then at the stage; `undefined`: go on as it is. */
export function verdictOf(standing: Standing): Verdict | undefined {
  const { stage, stages, tally, isContinuous, trouble = [], seen } = standing;
  const broken = brokenInAStage(standing);
  if (broken !== undefined) return { kind: 'halt', because: { cause: 'abort', explanation: broken } };
  if (tally.open === 0 && !isContinuous) return { kind: 'done' };
  const found = brokenTrouble(trouble, seen);
  if (found !== undefined)
    return { kind: 'pause', because: { cause: 'trouble', explanation: troubleText(found), trouble: found } };
  return stage < stages.length - 1 ? stageVerdict(standing) : undefined;
}

/** Each stage by itself: many that went well hide none that do not. */
function brokenInAStage({ abort, stage, tally }: Standing): string | undefined {
  for (let at = 0; at <= stage; at++) {
    const { executed } = tally.stage(at);
    const failed = (how: Failure): number => tally.inStage(at, how);
    const broken = brokenRule(abort, { executed, failed, which: `of stage ${at + 1}` });
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function stageVerdict({ stages, stage, tally }: Standing): Verdict | undefined {
  const { executedMin, successPercentMin } = stages[stage]!;
  const size = stageSize({ stages, stage, tally });
  const { executed, succeeded } = tally.stage(stage);
  if (executed < Math.min(executedMin ?? size, size)) return undefined;
  if (size === 0 || succeeded * 100 >= executed * successPercentMin) return { kind: 'advance' };
  const explanation = `of stage ${stage + 1}, ${succeeded} of ${executed} succeeded; ${successPercentMin} % are needed to go on`;
  return { kind: 'pause', because: { cause: 'stage', explanation } };
}

type Place = Pick<Standing, 'stages' | 'stage' | 'tally'>;

/** How many things the stage is for. */
export function stageSize({ stages, stage, tally }: Place): number {
  let before = 0;
  for (let at = 0; at < stage; at++) before += tally.stage(at).started;
  return Math.max(0, reachOf({ stages, stage, tally }) - before);
}

/** How many more things may be started now. */
export function startable(place: Place): number {
  return Math.max(0, stageSize(place) - place.tally.stage(place.stage).started);
}

/** How many things have been reached when the stage is full: things that are let go are not reached. */
function reachOf({ stages, stage, tally }: Place): number {
  const eligible = tally.total - tally.of('SKIPPED') - tally.of('CANCELLED');
  const reaches = stages.slice(0, stage + 1).map(({ share }) => countOf(share, eligible));
  return Math.min(eligible, Math.max(0, ...reaches));
}

function countOf(share: StageShare, eligible: number): number {
  return share.kind === 'things' ? share.count : Math.ceil((eligible * share.percent) / 100);
}
