import { readFileSync } from 'node:fs';

/** Memory of a process that is resident now, and the most that ever was: VmRSS and VmHWM of /proc/PID/status (proc(5)). */
export function residentBytes(pid: number): { readonly now: number; readonly most: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
  return { now: field('VmRSS'), most: field('VmHWM') };
}
