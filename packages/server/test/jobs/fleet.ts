import {
  type GroupName,
  type JsonObject,
  parseGroupName,
  parseThingName,
  type ThingName,
  type Transactor,
} from '@fleetward/core';
import { FakeClock, seededRandom } from '@fleetward/testkit';
import { GroupsError } from '../../src/groups/errors.ts';
import { Jobs } from '../../src/jobs/index.ts';
import type { JobLimits, NewJob } from '../../src/jobs/service.ts';
import type { JobStore } from '../../src/jobs/store.ts';
import type { PlatformSpoke } from '../../src/reserved-topic.ts';
import { MemoryJobs } from './memory-jobs.ts';

export const minuteMs = 60_000;
export const ada = { kind: 'operator', operatorId: 'ada' } as const;
export const lamps = parseGroupName('lamps');

const standardLimits: JobLimits = {
  openMax: 20,
  thingsMax: 100_000,
  keptMax: 100,
  documentBytesMax: 32_768,
  statusDetailsMax: 32,
  stepsPerTickMax: 1_000,
  updatesPendingMax: 100_000,
};

export interface FleetOptions {
  readonly things: number;
  readonly limits?: Partial<JobLimits>;
  readonly tellsEvents?: boolean;
  /** In the place of records in memory. */
  readonly kept?: { readonly store: JobStore; readonly transactor: Transactor };
}

/** The domain over records in memory and a fake clock; all things are in the group `lamps`. */
export async function openFleet({ things: count, limits, tellsEvents = true, kept }: FleetOptions) {
  const clock = new FakeClock();
  const records = new MemoryJobs();
  const names = Array.from({ length: count }, (_, at) => parseThingName(`lamp-${at}`));
  const known = new Set<ThingName>(names);
  const groups = new Map<GroupName, Set<ThingName>>([[lamps, new Set(names)]]);
  const trail: { readonly kind: string; readonly payload: JsonObject }[] = [];
  const told: { readonly topic: string; readonly value: JsonObject }[] = [];
  let revision = 0;
  const options = {
    store: kept?.store ?? records,
    transactor: kept?.transactor ?? records.transactor,
    trail: {
      append: async (_tx: unknown, { kind, payload }: { kind: string; payload: JsonObject }) => {
        trail.push({ kind, payload });
      },
    },
    clock,
    random: seededRandom(1),
    things: {
      known: (name: ThingName) =>
        known.has(name)
          ? { name, attributes: {}, tags: {}, state: 'active' as const, createdAtMs: 0 }
          : undefined,
      get revision() {
        return revision;
      },
    },
    groups: {
      get: (name: GroupName) => {
        if (!groups.has(name)) throw new GroupsError('groups.not_found', `there is no group \`${name}\``);
        return { name, tags: {}, createdAtMs: 0 };
      },
      members: async (name: GroupName) => {
        if (!groups.has(name)) throw new GroupsError('groups.not_found', `there is no group \`${name}\``);
        return groups.get(name) ?? new Set<ThingName>();
      },
      isDynamic: () => false,
      get revision() {
        return revision;
      },
    },
    announce: ({ messages }: PlatformSpoke) => {
      for (const { topic, payload } of messages)
        told.push({ topic, value: JSON.parse(Buffer.from(payload).toString()) as JsonObject });
    },
    tellsEvents,
    arnOf: (resource: string) => `arn:aws:iot:local:000000000000:${resource}`,
    limits: { ...standardLimits, ...limits },
  };
  let jobs = await Jobs.open(options);
  return {
    clock,
    records,
    names,
    groups,
    trail,
    told,
    get jobs() {
      return jobs;
    },
    /** The process ends and another one opens the same records. */
    restart: async () => {
      jobs = await Jobs.open(options);
    },
    changed: () => void revision++,
    join: (name: string) => {
      known.add(parseThingName(name));
      groups.get(lamps)?.add(parseThingName(name));
      revision++;
    },
    leave: (name: ThingName) => {
      groups.get(lamps)?.delete(name);
      revision++;
    },
    /** So many ticks of the clock. */
    tick: async (ms = 1_000, ticks = 1) => {
      for (let tick = 0; tick < ticks; tick++) {
        clock.advance(ms);
        await jobs.advance();
      }
    },
    create: (jobId: string, more: Partial<NewJob> = {}) =>
      jobs.create(
        {
          jobId,
          document: { operation: jobId },
          description: '',
          target: { thingNames: [], groupNames: [lamps], isContinuous: false },
          rate: { baseRatePerMinute: 60_000, incrementFactor: 1, maximumPerMinute: 60_000 },
          abort: [],
          retries: { failed: 0, timedOut: 0 },
          ...more,
        },
        ada,
      ),
    statuses: (jobId: string) => {
      const found: Record<string, number> = {};
      for (const one of records.all())
        if (one.jobId === jobId) found[one.status] = (found[one.status] ?? 0) + 1;
      return found;
    },
  };
}

export type Fleet = Awaited<ReturnType<typeof openFleet>>;
