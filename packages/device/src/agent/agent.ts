import type { Random } from '@fleetward/core';
import type { DeviceReport } from '../sdk/platform-client.ts';
import { type CheckParts, checkOnce } from './check-once.ts';
import type { CheckOutcome } from './outcome.ts';
import { buildReport } from './report.ts';

export interface AgentParts extends CheckParts {
  /** Before each pass; must not throw. */
  renewIdentity(): Promise<void>;
  /** Tells the platform; a failure is told to the log and the next report holds the same facts. */
  sendReport(report: DeviceReport): Promise<void>;
  readonly log: (line: string) => void;
}

export interface Agent {
  /** One pass, and the report of what it came to. */
  checkOnce(stop?: AbortSignal): Promise<CheckOutcome>;
  /** Pass after pass until it is told to stop; pauses of half to once and a half `everyMs`. */
  run(options: {
    readonly everyMs: number;
    readonly random: Random;
    readonly stop: AbortSignal;
  }): Promise<void>;
}

/** The update agent of one device. */
export function createAgent(parts: AgentParts): Agent {
  const { folder, log } = parts;
  let lastUpdate: CheckOutcome | undefined;

  async function pass(stop?: AbortSignal): Promise<CheckOutcome> {
    await parts.renewIdentity();
    const outcome = await checkOnce(parts, stop);
    if (outcome.kind === 'confirmed' || outcome.kind === 'rolled-back') lastUpdate = outcome;
    // The platform keeps the newest report: "nothing new" must not hide how the last update ended.
    await report(outcome.kind === 'current' ? (lastUpdate ?? outcome) : outcome);
    return outcome;
  }

  async function report(outcome: CheckOutcome): Promise<void> {
    try {
      await parts.sendReport(buildReport(folder, outcome));
    } catch (error) {
      log(`cannot report: ${messageOf(error)}`);
    }
  }

  return {
    checkOnce: pass,
    async run({ everyMs, random, stop }) {
      while (!stop.aborted) {
        // Whatever fails in one pass, there is a next one: an agent that ends cannot be repaired from afar.
        await pass(stop).catch((error: unknown) => stop.aborted || log(`pass failed: ${messageOf(error)}`));
        await pauseUntil(stop, jitter(everyMs, random));
      }
    },
  };
}

function jitter(everyMs: number, random: Random): number {
  const [high = 0, low = 0] = random.bytes(2);
  return everyMs * (0.5 + (high * 256 + low) / 65_536);
}

async function pauseUntil(stop: AbortSignal, ms: number): Promise<void> {
  if (stop.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = () => resolve();
  stop.addEventListener('abort', end, { once: true });
  await promise;
  clearTimeout(timer);
  stop.removeEventListener('abort', end);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
