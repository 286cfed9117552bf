import { type ChildProcess, spawn } from 'node:child_process';

export interface RunOptions {
  /** Sent to its standard input, which is closed after it. */
  readonly input?: string | Uint8Array;
  /** After this long the program is killed and its outcome says so. */
  readonly timeoutMs?: number;
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Run as another user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** How a program ended. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A foreign program while it runs. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Resolves with all output so far once standard output or standard error matches; rejects when it ends or `timeoutMs` passes before. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<string>;
  kill(signal?: NodeJS.Signals): void;
  /** Asks it to end, and kills it when it does not within five seconds. */
  stop(signal?: NodeJS.Signals): Promise<Outcome>;
}

const defaultTimeoutMs = 60_000;
const stopTimeoutMs = 5_000;
const outputBytesMax = 32 * 1024 * 1024;

/** Runs a program to its end. A non-zero exit is an outcome, not an exception. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  return startProgram(program, args, options).outcome;
}

/** Where `npm test` keeps compiled code, so that our programs start in a third of the time. */
function compileCache(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: folder } = process.env;
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}

/** Starts a program that the test talks to meanwhile. It dies with the test process, should the test forget it. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): RunningProgram {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    ...(options.environment === undefined ? {} : { env: { ...compileCache(), ...options.environment } }),
    ...options.user,
  });
  const output = collectOutput(child);
  child.stdin.on('error', () => undefined); // It may end without reading all of its input.
  child.stdin.end(options.input ?? '');
  const outcome = outcomeOf(child, { output, timeoutMs: options.timeoutMs ?? defaultTimeoutMs });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    return outcome.finally(() => clearTimeout(timer));
  };
  return {
    pid: child.pid ?? 0,
    outcome,
    waitForOutput: (pattern, timeoutMs = defaultTimeoutMs) =>
      waitForOutput({ child, output, outcome, pattern, timeoutMs }),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

interface Output {
  readonly stdout: Buffer[];
  readonly stderr: Buffer[];
  bytes: number;
}

function collectOutput(child: ChildProcess): Output {
  const output: Output = { stdout: [], stderr: [], bytes: 0 };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      output.bytes += chunk.length;
      if (output.bytes > outputBytesMax) child.kill('SIGKILL');
      else output[name].push(chunk);
    });
  }
  return output;
}

function outcomeOf(
  child: ChildProcess,
  options: { readonly output: Output; readonly timeoutMs: number },
): Promise<Outcome> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const stdout = Buffer.concat(options.output.stdout);
      resolve({ code, signal, timedOut, stdout, stderr: Buffer.concat(options.output.stderr).toString() });
    });
  }).finally(() => {
    clearTimeout(timer);
    process.off('exit', killWithUs);
  });
  outcome.catch(() => undefined); // Whoever awaits it sees the failure; nobody has to.
  return outcome;
}

function waitForOutput(options: {
  readonly child: ChildProcess;
  readonly output: Output;
  readonly outcome: Promise<Outcome>;
  readonly pattern: RegExp;
  readonly timeoutMs: number;
}): Promise<string> {
  const { child, output, pattern } = options;
  const soFar = (): string => Buffer.concat([...output.stdout, ...output.stderr]).toString();
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      settle(() => reject(new Error(`no output like ${pattern}: ${why}\n${soFar()}`)));
    const check = (): void => {
      if (pattern.test(soFar())) settle(() => resolve(soFar()));
    };
    const timer = setTimeout(() => fail(`${options.timeoutMs} ms passed`), options.timeoutMs);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      child.stdout?.off('data', check);
      child.stderr?.off('data', check);
      how();
    };
    child.stdout?.on('data', check);
    child.stderr?.on('data', check);
    options.outcome.then(
      () => (pattern.test(soFar()) ? check() : fail('the program ended')),
      (error: Error) => fail(error.message),
    );
    check();
  });
}
