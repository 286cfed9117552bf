import { performance } from 'node:perf_hooks';
import type { GiveUpReason } from '../slots/boot-notes.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { isOnTrial } from '../slots/state.ts';
import { giveUp, type StartPlan } from './prepare-start.ts';
import type { Program, ProgramEnd } from './program.ts';
import type { StarterSettings } from './settings.ts';
import type { WakeUp } from './wake-up.ts';

/** Why a run of the program is over; only after `died` it has ended by itself already. */
export type RunEnd = 'stopped' | 'replaced' | 'given-up' | 'died';

export interface WatchOptions {
  readonly folder: SlotFolder;
  readonly plan: Extract<StartPlan, { kind: 'start' }>;
  readonly settings: StarterSettings;
  readonly stop: AbortSignal;
  readonly wakeUp: WakeUp;
  readonly log: (line: string) => void;
}

/** Waits until the program must not, or does not, run any longer. An unconfirmed one that dies has had its chance. */
export async function watchProgram(program: Program, options: WatchOptions): Promise<RunEnd> {
  const { settings, stop, wakeUp } = options;
  const startedMs = performance.now();
  let ended: ProgramEnd | undefined;
  void program.ended.then((end) => {
    ended = end;
    wakeUp.call();
  });
  for (;;) {
    await wakeUp.wait(settings.pollMs);
    if (ended !== undefined) return afterDeath(ended, options);
    if (stop.aborted) return 'stopped';
    if (wakeUp.takeRestart() || isReplaced(options)) return 'replaced';
    const ranMs = performance.now() - startedMs;
    if (ranMs > settings.confirmWithinMs && isStillOnTrial(options))
      return endTrial('not-confirmed-in-time', `ran ${Math.floor(ranMs)} ms unconfirmed`, options);
  }
}

function isReplaced({ folder, plan }: WatchOptions): boolean {
  const generation = generationOf(folder);
  return generation !== undefined && generation !== plan.generation;
}

/** Nothing when `slots.json` cannot be read: no reason to stop what runs. */
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
