import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceError } from '../errors.ts';

const lockName = /^([0-9]{1,10})-[0-9]{1,20}-[0-9a-f-]{36}\.lock$/;

/**
 * Takes a folder for whoever calls it, until the answer is called or the process ends, however it does. Throws `device.folder_in_use`.
 *
 * Each who wants it puts a file with a name of its own there and then looks for those of others, so that of two at once at most one gets
 * it, and nobody ever removes what another has just made. The name says which process it is, also after a restart of the machine: one that
 * is gone holds nothing. Processes see each other so where they have one `/proc`; on other systems than Linux nothing is locked, and the
 * service manager must see to it.
 */
export function lockFolder(folder: string): () => void {
  const name = lockNameOf(process.pid);
  if (name === undefined) return () => undefined;
  const path = join(folder, name);
  createOwn(path, folder);
  const release = () => rmSync(path, { force: true });
  try {
    for (const other of readdirSync(folder)) {
      const [, pid] = lockName.exec(other) ?? [];
      if (pid === undefined || other === name) continue;
      if (lockNameOf(Number(pid)) === other) throw inUse(folder, pid);
      rmSync(join(folder, other), { force: true });
    }
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

function createOwn(path: string, folder: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw inUse(folder, `${process.pid}, this one`);
    throw error;
  }
}

/** A process is told from every other by its number, when it began, and which start of the machine that was; undefined: there is none. */
function lockNameOf(pid: number): string | undefined {
  const stat = readProc(`${pid}/stat`);
  const bootId = readProc('sys/kernel/random/boot_id')?.trim();
  if (stat === undefined || bootId === undefined) return undefined;
  // proc(5): the name of the program, in brackets, may hold anything; state is field 3, starttime field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', startTicks = ''] = [fields[0], fields[19]];
  return 'ZX'.includes(state) ? undefined : `${pid}-${startTicks}-${bootId}.lock`;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined; // no such process, or no such system
  }
}

function inUse(folder: string, pid: string): DeviceError {
  return new DeviceError(
    'device.folder_in_use',
    `process ${pid} has \`${folder}\` open: it is for one at a time; close it there, or give another folder`,
  );
}
