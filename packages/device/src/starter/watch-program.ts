import { performance } from 'node:perf_hooks';
import type { GiveUpReason } from '../slots/boot-notes.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { isOnTrial, type SlotsState } from '../slots/state.ts';
import { giveUp, type StartPlan, writeIfPossible } from './prepare-start.ts';
import type { Program, ProgramEnd } from './program.ts';
import type { StarterSettings } from './settings.ts';
import type { WakeUp } from './wake-up.ts';

/** Why a run of the program is over; only after `died` it has ended by itself already. */
export type RunEnd = 'stopped' | 'replaced' | 'given-up' | 'died';

type RunPlan = Extract<StartPlan, { kind: 'start' }>;

export interface WatchOptions {
  readonly folder: SlotFolder;
  readonly plan: RunPlan;
  readonly settings: StarterSettings;
  readonly stop: AbortSignal;
  readonly wakeUp: WakeUp;
  readonly log: (line: string) => void;
}

/**
 * Waits until the program must not, or does not, run any longer. An unconfirmed one that dies has had its chance. Answers
 * with the generation that the run belonged to at its end.
 */
export async function watchProgram(
  program: Program,
  options: WatchOptions,
): Promise<{ readonly end: RunEnd; readonly generation: number }> {
  const { folder, wakeUp, settings } = options;
  const startedMs = performance.now();
  let { plan } = options;
  let ended: ProgramEnd | undefined;
  void program.ended.then((end) => {
    ended = end;
    wakeUp.call();
  });
  for (;;) {
    await wakeUp.wait(settings.pollMs);
    // Looked at once: a switch after the decision must still be new at the next one.
    const state = stateOf(folder);
    const end = endOf({ ...options, plan }, { ended, ranMs: performance.now() - startedMs, state });
    if (end !== undefined) return { end, generation: plan.generation };
    if (state === undefined || state.generation === plan.generation) continue;
    plan = { ...plan, generation: state.generation };
    noteRunning(folder, { plan, pid: program.pid });
  }
}

interface Watched {
  readonly ended: ProgramEnd | undefined;
  readonly ranMs: number;
  /** Nothing when it cannot be read. */
  readonly state: SlotsState | undefined;
}

function endOf(options: WatchOptions, { ended, ranMs, state }: Watched): RunEnd | undefined {
  const { stop, wakeUp, settings, plan } = options;
  if (ended !== undefined) return afterDeath(ended, options, state);
  if (stop.aborted) return 'stopped';
  if (wakeUp.takeRestart() || isReplaced(plan, state)) return 'replaced';
  if (ranMs <= settings.confirmWithinMs || !isStillOnTrial(plan, state)) return undefined;
  return endTrial('not-confirmed-in-time', `ran ${Math.floor(ranMs)} ms unconfirmed`, options);
}

/** Slots that cannot be read are no reason to stop what runs. */
function isReplaced(plan: RunPlan, state: SlotsState | undefined): boolean {
  return state !== undefined && state.generation !== plan.generation && !isStillAskedFor(state, plan);
}

/** That the failure of a trial is noted is no reason to restart what was gone back to. */
function isStillAskedFor(state: SlotsState, plan: RunPlan): boolean {
  if (plan.isTrial || isOnTrial(state)) return false;
  const { confirmed } = state;
  if (confirmed === undefined) return plan.slot === 'factory';
  return plan.slot === confirmed && plan.sha256 === state.slots[confirmed]?.sha256;
}

/** Notes which process runs a slot, or with no process that none does. */
export function noteRunning(
  folder: SlotFolder,
  { plan, pid }: { readonly plan: RunPlan; readonly pid: number | undefined },
): void {
  const { slot, generation } = plan;
  if (slot === 'factory') return;
  const running = pid === undefined ? undefined : { slot, pid };
  writeIfPossible(folder, { ...folder.readNotes(generation), running });
}

/** Nothing when `slots.json` cannot be read. */
export function stateOf(folder: SlotFolder): SlotsState | undefined {
  const read = folder.readSlots();
  return read.kind === 'ok' ? read.state : undefined;
}

function afterDeath(
  { wasStarted, explanation }: ProgramEnd,
  options: WatchOptions,
  state: SlotsState | undefined,
): RunEnd {
  options.log(`${options.plan.version}: ${explanation}`);
  if (!isStillOnTrial(options.plan, state)) return 'died';
  return endTrial(wasStarted ? 'died-before-confirmation' : 'not-started', explanation, options);
}

/** It may have been confirmed since it was started. */
function isStillOnTrial(plan: RunPlan, state: SlotsState | undefined): boolean {
  return plan.isTrial && state?.generation === plan.generation && isOnTrial(state);
}

function endTrial(reason: GiveUpReason, explanation: string, { folder, plan, log }: WatchOptions): RunEnd {
  log(`giving ${plan.version} up: ${reason}`);
  giveUp(folder, { notes: folder.readNotes(plan.generation), giveUp: { reason, explanation } });
  return 'given-up';
}
