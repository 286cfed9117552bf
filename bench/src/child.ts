import { type ChildProcess, fork, spawn } from 'node:child_process';

/** A process of the bench: ended by its own id, whatever happens. */
export interface Child {
  readonly pid: number;
  /** Sends a message to a Node child and resolves with its next one; rejects when it ends instead. */
  ask(message: object, options: { readonly timeoutMs: number }): Promise<unknown>;
  /** Asks it to end, and kills it when it does not within five seconds. */
  stop(): Promise<void>;
}

const stopTimeoutMs = 5_000;

/** Starts a Node module of the bench under the very runtime and conditions of this process. */
export function forkChild(module: URL, options: { readonly nodeOptions?: readonly string[] } = {}): Child {
  return supervise(
    fork(module, {
      execArgv: [...process.execArgv, ...(options.nodeOptions ?? [])],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
}

export function spawnChild(program: string, args: readonly string[]): Child {
  return supervise(spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
}

function supervise(process_: ChildProcess): Child {
  const ended = new Promise<void>((resolve) => {
    process_.once('exit', () => resolve());
    process_.once('error', () => resolve());
  });
  const kill = (): void => void process_.kill('SIGKILL');
  process.once('exit', kill);
  void ended.then(() => process.off('exit', kill));
  return {
    pid: process_.pid ?? 0,
    ask: (message, { timeoutMs }) => ask(process_, { message, timeoutMs }),
    stop: async () => {
      process_.kill('SIGTERM');
      const timer = setTimeout(kill, stopTimeoutMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function ask(
  child: ChildProcess,
  { message, timeoutMs }: { readonly message: object; readonly timeoutMs: number },
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      child.off('message', answered);
      child.off('exit', ended);
      how();
    };
    const answered = (answer: unknown): void => settle(() => resolve(answer));
    const ended = (code: number | null): void =>
      settle(() => reject(new Error(`a child of the bench ended with exit code ${code}`)));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`a child of the bench gave no answer in ${timeoutMs} ms`))),
      timeoutMs,
    );
    child.once('message', answered);
    child.once('exit', ended);
    child.send(message, (error) => {
      if (error !== null) settle(() => reject(error));
    });
  });
}
