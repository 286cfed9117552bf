import { readFileSync } from 'node:fs';

// USER_HZ: what /proc counts in, 100 on every Linux that Node runs on.
const ticksPerSecond = 100;

/** Processor time of a process with all its threads, in the kernel too: fields 14 and 15 of /proc/PID/stat (proc(5)). */
export function cpuSeconds(pid: number): number {
  return sumOfTicks(pid, 11);
}

/** The same of the programs that this process started and that have ended: fields 16 and 17. */
export function endedProgramsCpuSeconds(): number {
  return sumOfTicks(process.pid, 13);
}

function sumOfTicks(pid: number, first: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name may hold spaces
  return (Number(fields[first]) + Number(fields[first + 1])) / ticksPerSecond;
}
