import type { Random } from '@fleetward/core';
import type { DeviceReport } from '../sdk/platform-client.ts';
import { type CheckParts, checkOnce } from './check-once.ts';
import { type CheckOutcome, refusedByDevice } from './outcome.ts';
import { buildReport } from './report.ts';
import type { SelfUpdate } from './self-update.ts';

export interface AgentParts extends Omit<CheckParts, 'replaceAgent'> {
  /** Nothing where no starter runs the agent out of slots of its own. */
  readonly self?: SelfUpdate | undefined;
  /** How full the battery is, where there is one; must not throw. */
  batteryPercent(): number | undefined;
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
  const { folder, log, self, model } = parts;
  let lastUpdate: CheckOutcome | undefined;
  let isIntroduced = false;
  let isProven = false;
  const reportOf = (outcome?: CheckOutcome) =>
    buildReport(folder, { model, outcome, self: self?.status(), batteryPercent: parts.batteryPercent() });

  async function pass(stop?: AbortSignal): Promise<CheckOutcome> {
    await parts.renewIdentity();
    return checkAndReport(stop);
  }

  async function checkAndReport(stop?: AbortSignal): Promise<CheckOutcome> {
    // A director chooses by what the device said of itself (Uptane 5.4.2.1): that comes first, once.
    if (!isIntroduced) await report();
    const outcome = await checkOnce({ ...parts, replaceAgent: () => self?.update(stop) }, stop);
    if (outcome.kind === 'confirmed' || outcome.kind === 'rolled-back') lastUpdate = outcome;
    // The platform keeps the newest report: "nothing new" must not hide how the last update ended.
    await report(outcome.kind === 'current' ? (lastUpdate ?? outcome) : outcome);
    return outcome;
  }

  async function report(outcome?: CheckOutcome): Promise<void> {
    try {
      await parts.sendReport(reportOf(outcome));
      isIntroduced = true;
    } catch (error) {
      log(`cannot report: ${messageOf(error)}`);
    }
  }

  /** A pass, unless this agent is on trial and could not prove itself yet. */
  async function passOnceProven(stop: AbortSignal): Promise<void> {
    const report = () => parts.sendReport(reportOf());
    await parts.renewIdentity();
    if (!isProven) isProven = (await self?.settle({ report, stop })) ?? true;
    if (isProven) await checkAndReport(stop);
  }

  async function passFailed(error: unknown): Promise<void> {
    const explanation = messageOf(error);
    log(`pass failed: ${explanation}`);
    await report(refusedByDevice('pass', { reason: 'pass-failed', explanation }));
  }

  return {
    checkOnce: pass,
    async run({ everyMs, random, stop }) {
      while (!stop.aborted) {
        // Whatever fails in one pass, there is a next one: an agent that ends cannot be repaired from afar.
        await passOnceProven(stop).catch((error: unknown) => (stop.aborted ? undefined : passFailed(error)));
        // The starter does not wait long for a proof.
        await pauseUntil(stop, isProven ? jitter(everyMs, random) : parts.trial.settings.probePauseMs);
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
