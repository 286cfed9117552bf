import type { Clock } from '@fleetward/core';
import type { Config } from './config.ts';
import type { Domains } from './domains.ts';
import type { Listeners } from './listeners.ts';
import type { Log } from './log.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

interface UpkeepParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly domains: Domains;
  readonly listeners: Listeners;
}

/** What must happen by itself from time to time. Each task runs alone; a failure is logged and tried again. */
export function startUpkeep({ config, clock, log, domains, listeners }: UpkeepParts): () => Promise<void> {
  const timestampMs = (config.releases.timestampValidityHours * hourMs) / 2;
  let timestampDueMs = clock.now(); // at the start at once: the platform may have been off for long
  const tasks: readonly Task[] = [
    {
      name: 'write denials to the trail',
      everyMs: 10 * secondMs,
      run: () => domains.denials.flush(clock.now()),
    },
    { name: 'keep what trials found', everyMs: 10 * secondMs, run: () => domains.policyTrials.flush() },
    {
      name: 'keep what things did',
      everyMs: config.activity.flushSeconds * secondMs,
      run: async () => {
        await listeners.mqtt.collectActivity();
        await domains.activity.flush();
      },
    },
    {
      name: 'keep who came and went',
      everyMs: config.presence.flushSeconds * secondMs,
      run: () => domains.presence.flush(),
    },
    { name: 'call devices to renew', everyMs: secondMs, run: () => domains.renewals.advance() },
    { name: 'go on with campaigns', everyMs: secondMs, run: () => domains.campaigns.advance() },
    {
      name: 'give out what campaigns offer as jobs',
      everyMs: secondMs,
      run: () => domains.otaJobs.advance(),
    },
    { name: 'go on with jobs', everyMs: secondMs, run: () => domains.jobs.advance() },
    {
      name: 'see who is connected',
      everyMs: 10 * minuteMs,
      run: async () => {
        if (domains.campaigns.isWatching) await listeners.mqtt.tellPresent();
      },
    },
    {
      name: 'clean up what was not provisioned',
      everyMs: minuteMs,
      run: () => domains.provisioning.cleanUp(),
    },
    {
      name: 'remove old reports of devices',
      everyMs: minuteMs,
      run: () => domains.deviceMetrics.removeOld(),
    },
    { name: 'sign CRLs', everyMs: minuteMs, run: () => domains.certificates.refreshCrls() },
    { name: 'log what was issued', everyMs: secondMs, run: () => domains.issuanceLog.sequence() },
    {
      name: 'compare the registry with the issuance log',
      everyMs: minuteMs,
      run: () => domains.unlogged.compareWhenDue(),
    },
    {
      name: 'remove uploads that were given up',
      everyMs: 10 * minuteMs,
      run: () => domains.releases.artifacts.sweep(),
    },
    {
      name: 'renew the server certificate',
      everyMs: 10 * minuteMs,
      run: () => listeners.credentials.ensureFresh(),
    },
    {
      name: 'sign the update timestamp',
      everyMs: minuteMs,
      run: async () => {
        if (clock.now() < timestampDueMs) return;
        await domains.releases.refreshTimestamp();
        timestampDueMs = clock.now() + timestampMs;
      },
    },
  ];
  const running = new Set<Promise<unknown>>();
  const timers = tasks.map((task) => startTask(task, { log, running }));
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await Promise.all(running);
  };
}

interface Task {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

function startTask(
  task: Task,
  parts: { readonly log: Log; readonly running: Set<Promise<unknown>> },
): NodeJS.Timeout {
  let current: Promise<unknown> | undefined;
  const run = (): void => {
    if (current !== undefined) return;
    current = task
      .run()
      .catch((error: unknown) =>
        parts.log.error({ err: error, task: task.name }, 'upkeep failed; it is tried again'),
      );
    parts.running.add(current);
    void current.finally(() => {
      if (current !== undefined) parts.running.delete(current);
      current = undefined;
    });
  };
  run();
  return setInterval(run, task.everyMs);
}
