import { cpuSeconds } from '../cpu-seconds.ts';
import { pause } from './sockets.ts';

const lookEveryMs = 50;
/** Of elapsed to processor time: a broker that is hardly busy is not waited for longer. */
const patience = 8;

/**
 * Tells when the broker has spent so much processor time from now on: what compiles its code while it runs is not measured, on a
 * busy machine neither, where a second holds little of it.
 */
export function warmth(brokerPid: number, seconds: number): () => boolean {
  const before = cpuSeconds(brokerPid);
  const endMs = performance.now() + seconds * patience * 1_000;
  return () => cpuSeconds(brokerPid) - before >= seconds || performance.now() >= endMs;
}

export async function warmUp(brokerPid: number, seconds: number): Promise<void> {
  const isWarm = warmth(brokerPid, seconds);
  while (!isWarm()) await pause(lookEveryMs);
}
