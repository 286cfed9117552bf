import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import type { CertificateId } from '@fleetward/core';
import { initialise, loadConfig, systemClock, systemRandom } from '@fleetward/server';
import { openIssuanceAlone } from '@fleetward/server/issuance';
import { temporaryFolder } from '@fleetward/testkit';
import { rounded } from '../figures.ts';

export interface CrlRun {
  /** From the call to the CRL in force: signed, verified and durable in SQLite. */
  readonly ms: number;
  /** Processor time of the serving process, all its threads: the rest is the signing process's. */
  readonly servingCpuMs: number;
  /** That of its event loop alone. */
  readonly loopCpuMs: number;
  /** The longest that anything else in the serving process waited. */
  readonly loopDelayMaxMs: number;
  readonly bytes: number;
}

const hourMs = 3_600_000;

/** Has the platform, without its listeners, sign CRLs of so many entries, each because the one before is past half of its life. */
export async function measureCrls(options: {
  readonly entries: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
}): Promise<readonly CrlRun[]> {
  using folder = temporaryFolder('fleetward-crl-');
  const config = loadConfig({ overrides: { folder: folder.join('platform'), logLevel: 'error' } });
  let passedMs = 0;
  const clock = { now: () => systemClock.now() + passedMs };
  const parts = { clock, random: systemRandom, environment: process.env };
  await initialise(config, parts);
  const fresh = await openIssuanceAlone(config, parts);
  await fresh.close();
  // As after a restore of an empty database: the start takes them all from the journal.
  appendFileSync(folder.join('platform/revocations.jsonl'), revocations(fresh.issuerId, options.entries));
  const alone = await openIssuanceAlone(config, parts);
  try {
    const runs: CrlRun[] = [];
    // The first ones warm both processes up.
    for (let round = 0; round <= options.rounds; round++) {
      options.signal.throwIfAborted();
      const next = (): Promise<number> => {
        passedMs += (config.certificates.crlValidityHours / 2) * hourMs;
        return alone.refreshCrl();
      };
      runs.push({ ...(await costOf(next)), loopDelayMaxMs: await longestDelay(next) });
    }
    return runs.slice(1);
  } finally {
    await alone.close();
  }
}

async function costOf(work: () => Promise<number>): Promise<Omit<CrlRun, 'loopDelayMaxMs'>> {
  const [began, cpu, loopCpu] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()];
  const bytes = await work();
  const ms = rounded(performance.now() - began);
  return {
    ms,
    servingCpuMs: cpuMs(process.cpuUsage(cpu)),
    loopCpuMs: cpuMs(process.threadCpuUsage(loopCpu)),
    bytes,
  };
}

/** Of another one, since looking a thousand times a second costs the loop some time of its own. */
async function longestDelay(work: () => Promise<number>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await setTimeout(20);
  delay.reset();
  await work();
  await setTimeout(20);
  delay.disable();
  return rounded(delay.max / 1e6);
}

function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return rounded((user + system) / 1000);
}

/** Lines of the revocation journal. */
function revocations(issuerId: CertificateId, count: number): string {
  const nowMs = Date.now();
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      certificateId: randomBytes(32).toString('hex'),
      issuerId,
      kind: 'certificate-revoked',
      notAfterMs: nowMs + 8_760 * hourMs,
      reason: index % 2 === 0 ? 'keyCompromise' : 'unspecified',
      revokedAtMs: nowMs - index * 1_000,
      serial: `4${randomBytes(15).toString('hex')}a`,
    }),
  );
  return `${lines.join('\n')}\n`;
}
