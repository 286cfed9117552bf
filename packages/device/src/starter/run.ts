import { performance } from 'node:perf_hooks';
import type { SlotFolder } from '../slots/folder.ts';
import { prepareStart, type StartPlan, startFactory } from './prepare-start.ts';
import { startProgram } from './program.ts';
import type { StarterSettings } from './settings.ts';
import type { WakeUp } from './wake-up.ts';
import { noteRunning, type RunEnd, stateOf, watchProgram } from './watch-program.ts';

export interface StarterOptions {
  readonly folder: SlotFolder;
  readonly settings: StarterSettings;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  /** Ends the starter and its program. */
  readonly stop: AbortSignal;
  /** To be called when `stop` is aborted. */
  readonly wakeUp: WakeUp;
}

const firstPauseMs = 500;

/** Keeps the right slot's program running until it is told to stop. */
export async function runStarter(options: StarterOptions): Promise<void> {
  const { folder, settings, log, stop } = options;
  let failures = 0;
  while (!stop.aborted) {
    const plan = factoryInstead(prepareStart(folder, settings), { ...options, failures });
    if (plan.kind === 'nothing') log(`nothing to start: ${plan.explanation}`);
    const startedMs = performance.now();
    const end = plan.kind === 'nothing' ? 'died' : await runProgram(plan, options);
    const ranMs = performance.now() - startedMs;
    if (ranMs > settings.confirmWithinMs) failures = 0; // it did not keep dying
    failures = end === 'died' ? failures + 1 : 0;
    if (failures > 0) await pause(plan, { ...options, failures });
  }
}

/** The factory's image has its turn when there is nothing else, and when something proven died too often in a row. */
function factoryInstead(
  plan: StartPlan,
  { settings, log, failures }: StarterOptions & { readonly failures: number },
): StartPlan {
  const { factoryImage, attemptsMax } = settings;
  if (factoryImage === undefined) return plan;
  const keepsDying = failures % (2 * attemptsMax) >= attemptsMax;
  if (plan.kind === 'start' && (plan.isTrial || !keepsDying)) return plan;
  const why = plan.kind === 'nothing' ? plan.explanation : `${plan.version} died ${failures} times in a row`;
  log(`the factory's image instead: ${why}`);
  return startFactory(plan.generation, factoryImage);
}

async function runProgram(
  plan: Extract<StartPlan, { kind: 'start' }>,
  options: StarterOptions,
): Promise<RunEnd> {
  const { folder, settings, environment, log } = options;
  const { slot, version, isTrial } = plan;
  const program = startProgram({ command: settings.command, plan, environment, mark: folder.path });
  log(`started ${version} from slot ${slot}${isTrial ? ', on trial' : ''}`);
  noteRunning(folder, { plan, pid: program.pid });
  const { end, generation } = await watchProgram(program, { ...options, plan });
  await program.stop(settings.stopWithinMs);
  log(`${version} is ${end}`);
  noteRunning(folder, { plan: { ...plan, generation }, pid: undefined });
  return end;
}

/** Waits longer after each failure, but not once the slots have changed. */
async function pause(
  plan: StartPlan,
  options: StarterOptions & { readonly failures: number },
): Promise<void> {
  const { folder, settings, failures, wakeUp, stop } = options;
  const longestMs = Math.min(settings.restartPauseMaxMs, firstPauseMs * 2 ** Math.min(failures - 1, 20));
  for (let waitedMs = 0; waitedMs < longestMs; waitedMs += settings.pollMs) {
    await wakeUp.wait(settings.pollMs);
    if (stop.aborted || wakeUp.takeRestart() || (stateOf(folder)?.generation ?? -1) !== plan.generation)
      return;
  }
}
