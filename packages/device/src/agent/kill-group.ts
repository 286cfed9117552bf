import type { ChildProcess } from 'node:child_process';

/** Kills a program that leads a process group, and all it started in it. */
export function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // just ended by itself
  }
}
