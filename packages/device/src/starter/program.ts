import { type ChildProcess, spawn } from 'node:child_process';
import { markVariable } from './orphans.ts';
import type { StartPlan } from './prepare-start.ts';

export interface ProgramOptions {
  /** Program and arguments; `{image}` and `{slot}` are filled in, and no shell reads them. */
  readonly command: readonly string[];
  readonly plan: Extract<StartPlan, { kind: 'start' }>;
  readonly environment: NodeJS.ProcessEnv;
  /** The slot folder, by which an orphan of a killed starter is known again. */
  readonly mark: string;
}

/** How a program ended, in words for an operator. */
export interface ProgramEnd {
  readonly wasStarted: boolean;
  readonly explanation: string;
}

/** The image's program while it runs. */
export interface Program {
  /** Nothing when it could not be started. */
  readonly pid: number | undefined;
  readonly ended: Promise<ProgramEnd>;
  /** Asks the program and all it started to end, and kills them after `withinMs`. */
  stop(withinMs: number): Promise<ProgramEnd>;
}

/** Starts the program in a process group of its own. */
export function startProgram(options: ProgramOptions): Program {
  const { command, plan, environment, mark } = options;
  const { slot, imagePath } = plan;
  const fill = (argument: string) => argument.replaceAll('{image}', imagePath).replaceAll('{slot}', slot);
  const [program = '', ...args] = command.map(fill);
  const child = spawn(program, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    env: {
      ...environment,
      FLEETWARD_SLOT: slot,
      FLEETWARD_VERSION: plan.version,
      FLEETWARD_GENERATION: String(plan.generation),
      [markVariable]: mark,
    },
  });
  const ended = endOf(child);
  const stop = async (withinMs: number) => {
    signalGroup(child, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), withinMs);
    const end = await ended;
    clearTimeout(timer);
    signalGroup(child, 'SIGKILL'); // what it left behind in its group
    return end;
  };
  return { pid: child.pid, ended, stop };
}

function endOf(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve({ wasStarted: false, explanation: message }));
    child.once('exit', (code, signal) => {
      const explanation = signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`;
      resolve({ wasStarted: true, explanation });
    });
  });
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // all gone already
  }
}
