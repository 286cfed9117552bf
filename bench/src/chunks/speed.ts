import { runProgram } from '@fleetward/testkit';
import { endedProgramsCpuSeconds } from '../cpu-seconds.ts';

export interface Speed {
  readonly megabytesPerSecond: number;
  readonly megabytesPerCpuSecond: number;
}

export interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export function speedOf(lengthBytes: number, { seconds, cpuSeconds }: Spent): Speed {
  const megabytes = lengthBytes / 1e6;
  return {
    megabytesPerSecond: Math.round(megabytes / seconds),
    megabytesPerCpuSecond: Math.round(megabytes / Math.max(cpuSeconds, 0.01)), // the least /proc can tell
  };
}

/** What work in this process takes, its other threads included. */
export function spentOn<Result>(work: () => Result): Spent & { readonly result: Result } {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const result = work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { result, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** The same of work that waits, on threads of its own too. */
export async function spentOnAsync<Result>(
  work: () => Promise<Result>,
): Promise<Spent & { readonly result: Result }> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { result, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** What a program takes from its start to its end. Throws unless it ends well; no other may end meanwhile. */
export async function spentByProgram(program: string, args: readonly string[]): Promise<Spent> {
  const [began, cpu] = [performance.now(), endedProgramsCpuSeconds()];
  const { code, stderr } = await runProgram(program, args, { timeoutMs: 1_800_000 });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: endedProgramsCpuSeconds() - cpu };
}
