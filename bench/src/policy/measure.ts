import type { Contender } from './contender.ts';

/** Decisions a second of processor time of this process, the collection of its garbage included. */
export function decisionsPerSecond(
  { isAllowed }: Contender,
  { requests, seconds }: { readonly requests: number; readonly seconds: number },
): number {
  const decideFor = (cpuSeconds: number): number => {
    const before = process.cpuUsage();
    let decided = 0;
    do {
      for (let index = 0; index < requests; index++) isAllowed(index);
      decided += requests;
    } while (cpuSecondsSince(before) < cpuSeconds);
    return decided;
  };
  decideFor(Math.min(1, seconds)); // until the code is compiled
  const before = process.cpuUsage();
  return decideFor(seconds) / cpuSecondsSince(before);
}

export function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.max(user + system, 1) / 1e6;
}
