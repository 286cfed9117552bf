import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  type RunningProgram,
  runProgram,
  startProgram,
  type TemporaryFolder,
  temporaryFolder,
} from '@fleetward/testkit';
import { run } from '../src/run.ts';
import type { Terminal } from '../src/terminal.ts';

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

/** The command line with a home of its own. */
export interface Cli extends Disposable {
  readonly home: TemporaryFolder;
  /** All of the program but `main.ts`, in this process: a command costs its work and no start of Node. */
  run(args: readonly string[], options?: CliOptions): Promise<CliOutcome>;
  /** The real program in a child process, for what only that shows: its end, signals, what it leaves behind. */
  runProcess(args: readonly string[], options?: CliOptions): Promise<CliOutcome>;
  /** For `serve` and what follows: still running. */
  start(args: readonly string[], options?: CliOptions): RunningProgram;
}

export function openCli(): Cli {
  const home = temporaryFolder('fleetward-cli-');
  const environmentOf = ({ environment }: CliOptions) => ({
    PATH: process.env.PATH,
    HOME: home.path,
    TZ: 'UTC',
    ...environment,
  });
  const optionsOf = (options: CliOptions) => ({
    environment: environmentOf(options),
    folder: home.path,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  const argumentsOf = (args: readonly string[]) => ['--conditions=fleetward-source', main, ...args];
  return {
    home,
    run: (args, options = {}) =>
      inFolder(home.path, {
        name: args.join(' '),
        work: () => runHere(args, { ...options, environment: environmentOf(options) }),
      }),
    runProcess: async (args, options = {}) => {
      const outcome = await runProgram(process.execPath, argumentsOf(args), optionsOf(options));
      return readOutcome(outcome.code, outcome.stdout.toString(), outcome.stderr);
    },
    start: (args, options = {}) =>
      startProgram(process.execPath, argumentsOf(args), { ...optionsOf(options), timeoutMs: 120_000 }),
    [Symbol.dispose]: () => home.remove(),
  };
}

let running: string | undefined;

/** The working folder belongs to the whole process: one command after the other, and after one that hangs none. */
async function inFolder<Result>(
  folder: string,
  { name, work }: { readonly name: string; readonly work: () => Promise<Result> },
): Promise<Result> {
  if (running !== undefined) throw new Error(`\`${running}\` still runs in this process`);
  running = name;
  const previous = process.cwd();
  process.chdir(folder);
  try {
    return await work();
  } finally {
    process.chdir(previous);
    running = undefined;
  }
}

/** As `main.ts` does it, with streams that are no terminal, as those of a child process. */
async function runHere(
  args: readonly string[],
  {
    environment,
    input = '',
  }: { readonly environment: Terminal['environment']; readonly input?: CliOptions['input'] },
): Promise<CliOutcome> {
  const stdout = collector();
  const stderr = collector();
  const code = await run(args, {
    stdin: Readable.from([Buffer.from(input)]) as unknown as NodeJS.ReadStream,
    stdout: stdout.stream as unknown as NodeJS.WriteStream,
    stderr: stderr.stream as unknown as NodeJS.WriteStream,
    environment,
    clock: { now: () => Date.now() },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
  });
  return readOutcome(code, stdout.text(), stderr.text());
}

function collector(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
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
