import type { SlotFolder } from '../slots/folder.ts';
import { prepareStart, type StartPlan, writeIfPossible } from './prepare-start.ts';
import { startProgram } from './program.ts';
import type { StarterSettings } from './settings.ts';
import type { WakeUp } from './wake-up.ts';
import { generationOf, type RunEnd, watchProgram } from './watch-program.ts';

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
    const plan = prepareStart(folder, settings);
    if (plan.kind === 'nothing') log(`nothing to start: ${plan.explanation}`);
    const end = plan.kind === 'nothing' ? 'died' : await runProgram(plan, options);
    failures = end === 'died' ? failures + 1 : 0;
    if (failures > 0) await pause(plan, { ...options, failures });
  }
}

async function runProgram(
  plan: Extract<StartPlan, { kind: 'start' }>,
  options: StarterOptions,
): Promise<RunEnd> {
  const { folder, settings, environment, log } = options;
  const { slot, version, generation, isTrial } = plan;
  const program = startProgram({
    command: settings.command,
    imagePath: folder.imagePath(slot),
    slot,
    version,
    environment,
    mark: folder.path,
  });
  log(`started ${version} from slot ${slot}${isTrial ? ', on trial' : ''}`);
  const running = program.pid === undefined ? undefined : { slot, pid: program.pid };
  writeIfPossible(folder, { ...folder.readNotes(generation), running });
  const end = await watchProgram(program, { ...options, plan });
  await program.stop(settings.stopWithinMs);
  log(`${version} is ${end}`);
  writeIfPossible(folder, { ...folder.readNotes(generation), running: undefined });
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
    if (stop.aborted || wakeUp.takeRestart() || generationOf(folder) !== plan.generation) return;
  }
}
