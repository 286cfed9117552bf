import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DocBlock } from './doc-blocks.ts';

export interface ShellSession extends AsyncDisposable {
  /** Runs a block as one typed it, and resolves to its output; throws with it when a command fails. */
  run(block: DocBlock): Promise<string>;
}

export interface ShellSessionOptions {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Run before the first block. */
  readonly prelude: string;
  /** After so long a block has failed. */
  readonly blockTimeoutMs: number;
}

const pollMs = 20;
const stopWithinMs = 10_000;

/** One bash for all blocks, so that variables and background programs live on, in a process group of its own that ends with it. */
export function openShellSession(options: ShellSessionOptions): ShellSession {
  const { folder, environment } = options;
  const bash = spawn('bash', ['-euo', 'pipefail'], {
    cwd: folder,
    env: environment,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  bash.stdin.on('error', () => undefined); // a block that failed ended it; `run` says so
  bash.stdin.write(`${options.prelude}\n`);
  let blocks = 0;
  return {
    run: (block) => runBlock(block, { ...options, bash, name: `block-${++blocks}` }),
    [Symbol.asyncDispose]: () => endGroup(bash),
  };
}

interface Running extends ShellSessionOptions {
  readonly bash: ChildProcess;
  readonly name: string;
}

async function runBlock(block: DocBlock, running: Running): Promise<string> {
  const { folder, name, bash } = running;
  const [script, log, ended] = ['sh', 'log', 'ended'].map((ending) => join(folder, `${name}.${ending}`)) as [
    string,
    string,
    string,
  ];
  const { untilOutput } = block;
  writeFileSync(script, block.script);
  const command = `. '${script}' </dev/null >'${log}' 2>&1`;
  const atEnd = `: >'${ended}'`;
  bash.stdin?.write(
    untilOutput === undefined ? `${command}\n${atEnd}\n` : `{ trap "${atEnd}" EXIT; ${command}; } &\n`,
  );
  const output = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const isDone = (): boolean => {
    if (untilOutput === undefined) return existsSync(ended);
    if (output().includes(untilOutput)) return true;
    if (existsSync(ended)) throw new Error(`it ended without \`${untilOutput}\` in its output`);
    return false;
  };
  await waitFor(isDone, running).catch((error: Error) => {
    throw new Error(`${block.file}:${block.line}: ${error.message}\n${block.script}\n${output()}`);
  });
  return output();
}

async function waitFor(isDone: () => boolean, { bash, blockTimeoutMs }: Running): Promise<void> {
  const until = performance.now() + blockTimeoutMs;
  while (!isDone()) {
    if (bash.exitCode !== null) throw new Error(`a command failed (exit code ${bash.exitCode})`);
    if (bash.signalCode !== null) throw new Error(`ended by ${bash.signalCode}`);
    if (performance.now() > until) throw new Error(`not done within ${blockTimeoutMs} ms`);
    await pause(pollMs);
  }
}

/** Asks everything the blocks started to end, and kills what does not. */
async function endGroup({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  const until = performance.now() + stopWithinMs;
  while (signalGroup(pid, 0) && performance.now() < until) await pause(pollMs);
  signalGroup(pid, 'SIGKILL');
}

/** Whether there is still somebody in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
