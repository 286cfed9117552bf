import { join } from 'node:path';
import {
  type RunningProgram,
  runProgram,
  startProgram,
  type TemporaryFolder,
  temporaryFolder,
} from '@fleetward/testkit';

export const repository = join(import.meta.dirname, '../../..');
const main = join(import.meta.dirname, '../src/main.ts');

/** How a command line ended. */
export interface CliOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output's JSON lines. */
  readonly json: readonly unknown[];
  /** The failure that `--json` prints on standard error. */
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface CliOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/** The real program in a child process, with a home of its own. */
export interface Cli extends Disposable {
  readonly home: TemporaryFolder;
  run(args: readonly string[], options?: CliOptions): Promise<CliOutcome>;
  /** For `serve` and what follows: still running. */
  start(args: readonly string[], options?: CliOptions): RunningProgram;
}

export function openCli(): Cli {
  const home = temporaryFolder('fleetward-cli-');
  const optionsOf = ({ environment, input }: CliOptions) => ({
    environment: { PATH: process.env.PATH, HOME: home.path, TZ: 'UTC', ...environment },
    folder: home.path,
    ...(input === undefined ? {} : { input }),
  });
  const argumentsOf = (args: readonly string[]) => ['--conditions=fleetward-source', main, ...args];
  return {
    home,
    run: async (args, options = {}) => {
      const outcome = await runProgram(process.execPath, argumentsOf(args), optionsOf(options));
      return readOutcome(outcome.code, outcome.stdout.toString(), outcome.stderr);
    },
    start: (args, options = {}) =>
      startProgram(process.execPath, argumentsOf(args), { ...optionsOf(options), timeoutMs: 120_000 }),
    [Symbol.dispose]: () => home.remove(),
  };
}

function readOutcome(code: number | null, stdout: string, stderr: string): CliOutcome {
  return {
    code,
    stdout,
    stderr,
    get json() {
      return stdout
        .trimEnd()
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line));
    },
    get error() {
      return JSON.parse(stderr).error;
    },
  };
}
