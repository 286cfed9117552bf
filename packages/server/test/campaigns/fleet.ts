import {
  type JsonObject,
  parseCertificateId,
  parseThingName,
  type ThingName,
  type Transactor,
} from '@fleetward/core';
import { FakeClock, seededRandom } from '@fleetward/testkit';
import { Campaigns } from '../../src/campaigns/index.ts';
import type { CampaignLimits, NewCampaign } from '../../src/campaigns/service.ts';
import type { CampaignStore } from '../../src/campaigns/store.ts';
import type { Terms } from '../../src/campaigns/terms.ts';
import { GroupsError } from '../../src/groups/errors.ts';
import type { PublishedRelease } from '../../src/releases/index.ts';
import { Search } from '../../src/search/index.ts';
import { sha256Of } from '../releases/engineer.ts';
import { MemoryRecords } from './memory-records.ts';

export const minuteMs = 60_000;
export const ada = { kind: 'operator', operatorId: 'ada' } as const;
export const bob = { kind: 'operator', operatorId: 'bob' } as const;
const certificateId = parseCertificateId('ab'.repeat(32));

export const standardTerms: Terms = {
  stages: [{ share: { kind: 'percent', percent: 100 }, successPercentMin: 0 }],
  rate: { baseRatePerMinute: 60_000, incrementFactor: 1, maximumPerMinute: 60_000 },
  abort: [],
  prerequisites: { fromVersions: [], attributes: {} },
  retry: { retriesMax: 0, firstDelayMs: minuteMs, delayMaxMs: minuteMs },
  timeOutMs: 60 * minuteMs,
};

const standardLimits: CampaignLimits = {
  required: false,
  openMax: 20,
  thingsMax: 100_000,
  keptMax: 100,
  stepsPerTickMax: 1_000,
  feedbackPendingMax: 100_000,
  needApproval: false,
};

export function release(version: string, content = version): PublishedRelease {
  return {
    path: `pump-${version}.bin`,
    lengthBytes: 1,
    sha256: sha256Of(Buffer.from(content)),
    release: { product: 'pump', version, securityVersion: 0, hardware: ['rev-b'] },
  };
}

export const sha256Hex = (content: string) => sha256Of(Buffer.from(content));

export interface FleetOptions {
  readonly things: number;
  readonly limits?: Partial<CampaignLimits>;
  readonly seed?: number | string;
  /** In the place of records in memory. */
  readonly kept?: { readonly store: CampaignStore; readonly transactor: Transactor };
}

/** The domain over records in memory, a fake clock, and things that are only names, attributes and reports. */
export async function openFleet({ things: count, limits, seed = 1, kept }: FleetOptions) {
  const clock = new FakeClock();
  const records = new MemoryRecords();
  const random = seededRandom(seed);
  const names = Array.from({ length: count }, (_, at) => parseThingName(`pump-${at}`));
  const attributes = new Map<ThingName, Record<string, string>>(names.map((name) => [name, {}]));
  const reports = new Map<ThingName, JsonObject>();
  const published = new Map(
    [release('1.0.0'), release('2.0.0'), release('2.1.0')].map((one) => [one.path, one]),
  );
  const created = new Map<ThingName, number>();
  const removedGroups = new Set<string>();
  const denied: string[] = [];
  const stopped: string[] = [];
  const trail: { readonly kind: string; readonly payload: JsonObject }[] = [];
  let revision = 0;
  const things = {
    known: (name: ThingName) => {
      const known = attributes.get(name);
      return (
        known && {
          name,
          attributes: known,
          tags: {},
          state: 'active' as const,
          createdAtMs: created.get(name) ?? 0,
        }
      );
    },
    names: () => attributes.keys(),
    attachmentsOf: () => [],
    get revision() {
      return revision;
    },
  };
  const deviceReports = {
    find: async (thingName: ThingName) => {
      const report = reports.get(thingName);
      return report && { thingName, receivedAtMs: 0, report };
    },
  };
  const search = new Search({
    clock,
    thing: things.known,
    groupsOf: () => [],
    certificatesOf: () => [],
    withAncestors: (names) => names,
    monotonicMs: () => 0,
    limits: {
      queryLengthMax: 100,
      queryTermsMax: 4,
      queryDepthMax: 4,
      attributesMax: 4,
      shadowFields: [],
      shadowTextLengthMax: 1,
      searchesMax: 1,
    },
  });
  for (const name of attributes.keys()) search.touch(name);
  const options = {
    store: kept?.store ?? records,
    transactor: kept?.transactor ?? records.transactor,
    trail: {
      append: async (_tx: unknown, { kind, payload }: { kind: string; payload: JsonObject }) => {
        trail.push({ kind, payload });
      },
    },
    clock,
    random,
    things,
    reports: deviceReports,
    search,
    groups: {
      get: (name: never) => {
        if (removedGroups.has(name))
          throw new GroupsError('groups.not_found', `there is no group \`${name}\``);
        return { name, tags: {}, createdAtMs: 0 };
      },
      members: async (name: never) => {
        if (removedGroups.has(name))
          throw new GroupsError('groups.not_found', `there is no group \`${name}\``);
        return new Set(attributes.keys());
      },
      isDynamic: () => false,
      revision: 0,
    },
    releases: { release: (path: string) => published.get(path), releases: () => [...published.values()] },
    denials: { record: ({ explanation }: { explanation: string }) => void denied.push(explanation) },
    operators: { areIndependent: (one: string, other: string) => one.split('-')[0] !== other.split('-')[0] },
    announce: ({ campaignId }: { campaignId: string }) => void stopped.push(campaignId),
    limits: { ...standardLimits, ...limits },
  };
  let campaigns = await Campaigns.open(options);
  return {
    clock,
    records,
    names,
    attributes,
    reports,
    published,
    removedGroups,
    denied,
    stopped,
    trail,
    get campaigns() {
      return campaigns;
    },
    /** The process ends and another one opens the same records. */
    restart: async () => {
      campaigns = await Campaigns.open(options);
    },
    join: (name: string, atMs = 0, own: Record<string, string> = {}) => {
      attributes.set(parseThingName(name), own);
      created.set(parseThingName(name), atMs);
      search.touch(parseThingName(name));
      revision++;
    },
    report: async (thingName: ThingName, report: JsonObject) => {
      reports.set(thingName, report);
      await campaigns.feedback.reported({ thingName, certificateId, remoteAddress: '192.0.2.1', report });
    },
    /** So many ticks of the clock. */
    tick: async (ms = 1_000, ticks = 1) => {
      for (let tick = 0; tick < ticks; tick++) {
        clock.advance(ms);
        await campaigns.advance();
      }
    },
    create: (terms: Partial<Terms> = {}, more: Partial<NewCampaign> = {}) =>
      campaigns.create(
        {
          name: 'test',
          releasePath: 'pump-2.0.0.bin',
          target: { attributes: {}, isContinuous: false },
          terms: { ...standardTerms, ...terms },
          needsApproval: false,
          ...more,
        },
        ada,
      ),
  };
}

export type Fleet = Awaited<ReturnType<typeof openFleet>>;

export const runs = (version: string, content = version): JsonObject => ({
  protocolVersion: 2,
  installed: { version, securityVersion: 0, sha256: sha256Hex(content) },
});

/** What a device says after it has tried 2.0.0, or another version. */
export const told = {
  confirmed: (version = '2.0.0'): JsonObject => ({
    ...runs(version),
    update: { outcome: 'confirmed', version },
  }),
  rolledBack: (version = '2.0.0'): JsonObject => ({
    ...runs('1.0.0'),
    update: { outcome: 'rolled-back', version, reason: 'health-check-failed: it never became healthy' },
  }),
  waiting: (version = '2.0.0'): JsonObject => ({
    ...runs('1.0.0'),
    update: { outcome: 'waiting', version, reason: 'the starter has not started it' },
  }),
  failed: (): JsonObject => ({
    ...runs('1.0.0'),
    update: { outcome: 'failed', reason: 'unreachable: pump.bin connection reset' },
  }),
  refused: (path = 'pump-2.0.0.bin'): JsonObject => ({
    ...runs('1.0.0'),
    update: { outcome: 'refused', step: 'device', reason: `${path}: wrong-hardware: this is rev-c` },
  }),
};
