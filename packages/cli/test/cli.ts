import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  type RunningProgram,
  requireProgram,
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

/** What a person saw of a command: the lines that stand at the end, and what stood in them on the way and was drawn over. */
export interface TerminalOutcome {
  readonly code: number | null;
  readonly screen: readonly string[];
  readonly drawnOver: readonly string[];
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
  /** The real program at a terminal of its own, of 120 columns, by `script` of bsdutils, which every Debian has. */
  runAtTerminal(args: readonly string[], options?: Pick<CliOptions, 'environment'>): Promise<TerminalOutcome>;
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
    runAtTerminal: async (args, options = {}) => {
      const words = [process.execPath, ...argumentsOf(args)].map(
        (word) => `'${word.replaceAll("'", "'\\''")}'`,
      );
      const command = `stty cols 120; ${words.join(' ')}`;
      const flags = ['--quiet', '--return', '--echo', 'never', '--command', command, '/dev/null'];
      const outcome = await runProgram(requireProgram('script', 'bsdutils'), flags, optionsOf(options));
      return { code: outcome.code, ...readScreen(outcome.stdout.toString()) };
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

/** Of a terminal on which a line is drawn anew by a return and a clearing to its end, and nothing else is moved. */
function readScreen(bytes: string): Omit<TerminalOutcome, 'code'> {
  const lines = bytes.split('\r\n').map((line) => line.split('\r\u001b[K'));
  return {
    screen: lines
      .map((states) => states.at(-1) ?? '')
      .filter((line, at) => line !== '' || at < lines.length - 1),
    drawnOver: lines.flatMap((states) => states.slice(0, -1)).filter((state) => state !== ''),
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
