import { readdirSync, readFileSync } from 'node:fs';

/** Marks, in its environment, every process that a starter of the folder it names has begun. */
export const markVariable = 'FLEETWARD_STARTED_FROM';

const processesMax = 65_536;

/**
 * Kills what a killed starter of this folder left running, so that the image is never run twice at once. Linux only;
 * elsewhere the service manager must end the whole group. Answers how many there were.
 */
export function endOrphans(folder: string): number {
  const orphans = processIds().filter((pid) => isMarked(pid, folder));
  for (const pid of orphans) kill(pid);
  return orphans.length;
}

function processIds(): readonly number[] {
  if (process.platform !== 'linux') return [];
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids
    .slice(0, processesMax)
    .map(Number)
    .filter((pid) => pid !== process.pid && pid !== process.ppid);
}

function isMarked(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${markVariable}=${folder}`);
  } catch {
    return false; // gone meanwhile, or of another user, who cannot be a child of ours
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
