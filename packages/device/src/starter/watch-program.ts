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
    const end = endOf({ ...options, plan }, { ended, ranMs: performance.now() - startedMs });
    if (end !== undefined) return { end, generation: plan.generation };
    const generation = generationOf(folder) ?? plan.generation;
    if (generation === plan.generation) continue;
    plan = { ...plan, generation };
    noteRunning(folder, { plan, pid: program.pid });
  }
}

interface Watched {
  readonly ended: ProgramEnd | undefined;
  readonly ranMs: number;
}

function endOf(options: WatchOptions, { ended, ranMs }: Watched): RunEnd | undefined {
  const { stop, wakeUp, settings } = options;
  if (ended !== undefined) return afterDeath(ended, options);
  if (stop.aborted) return 'stopped';
  if (wakeUp.takeRestart() || isReplaced(options)) return 'replaced';
  if (ranMs <= settings.confirmWithinMs || !isStillOnTrial(options)) return undefined;
  return endTrial('not-confirmed-in-time', `ran ${Math.floor(ranMs)} ms unconfirmed`, options);
}

/** Slots that cannot be read are no reason to stop what runs. */
function isReplaced({ folder, plan }: WatchOptions): boolean {
  const read = folder.readSlots();
  return (
    read.kind === 'ok' && read.state.generation !== plan.generation && !isStillAskedFor(read.state, plan)
  );
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
export function generationOf(folder: SlotFolder): number | undefined {
  const read = folder.readSlots();
  return read.kind === 'ok' ? read.state.generation : undefined;
}

function afterDeath({ wasStarted, explanation }: ProgramEnd, options: WatchOptions): RunEnd {
  options.log(`${options.plan.version}: ${explanation}`);
  if (!isStillOnTrial(options)) return 'died';
  return endTrial(wasStarted ? 'died-before-confirmation' : 'not-started', explanation, options);
}

/** It may have been confirmed since it was started. */
function isStillOnTrial({ folder, plan }: WatchOptions): boolean {
  const read = folder.readSlots();
  return (
    plan.isTrial && read.kind === 'ok' && read.state.generation === plan.generation && isOnTrial(read.state)
  );
}

function endTrial(reason: GiveUpReason, explanation: string, { folder, plan, log }: WatchOptions): RunEnd {
  log(`giving ${plan.version} up: ${reason}`);
  giveUp(folder, { notes: folder.readNotes(plan.generation), giveUp: { reason, explanation } });
  return 'given-up';
}
