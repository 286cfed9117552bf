import { generateKeyPairSync, sign } from 'node:crypto';
import { type GroupName, type JsonObject, parseGroupName, type ThingName } from '@fleetward/core';
import { seededRandom } from '@fleetward/testkit';
import { customOfRecord, customOfRelease } from '@fleetward/updates';
import type { NewCampaign } from '../../src/campaigns/service.ts';
import type { Terms } from '../../src/campaigns/terms.ts';
import { Jobs } from '../../src/jobs/index.ts';
import { OtaJobs } from '../../src/ota-jobs/index.ts';
import type { PublishedRelease } from '../../src/releases/index.ts';
import type { PlatformSpoke } from '../../src/reserved-topic.ts';
import { assertReport } from '../../src/things/rules.ts';
import { openFleet as openCampaigns, release } from '../campaigns/fleet.ts';
import { MemoryJobs } from '../jobs/memory-jobs.ts';

export const boards = parseGroupName('boards');
const signature = sign(
  'sha256',
  Buffer.from('image'),
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
);

/** A release that the firmware engineer has signed for AWS OTA. */
export function signedRelease(version: string, securityVersion = 0): PublishedRelease {
  const plain = release(version);
  const told = { ...plain.release, securityVersion };
  const record = customOfRecord({ awsOta: { signature, certFile: 'signer.crt' } });
  return { ...plain, release: told, custom: { ...customOfRelease(told), ...record } };
}

/** Campaigns and jobs over records in memory and a fake clock; all things run AWS IoT's OTA libraries. */
export async function openFleet(things = 1) {
  const fleet = await openCampaigns({ things });
  const records = new MemoryJobs();
  const receivedAtMs = new Map<ThingName, number>();
  const heard: { readonly topic: string; readonly value: JsonObject }[] = [];
  const memberships = new Map<ThingName, readonly GroupName[]>(fleet.names.map((name) => [name, [boards]]));
  fleet.published.set('pump-2.0.0.bin', signedRelease('2.0.0'));
  const options = {
    store: records,
    transactor: records.transactor,
    trail: { append: async () => undefined },
    clock: fleet.clock,
    random: seededRandom(1),
    things: {
      known: (name: ThingName) =>
        fleet.attributes.has(name)
          ? { name, attributes: {}, tags: {}, state: 'active' as const, createdAtMs: 0 }
          : undefined,
      revision: 0,
    },
    groups: {
      get: (name: GroupName) => ({ name, tags: {}, createdAtMs: 0 }),
      members: async () => new Set<ThingName>(),
      isDynamic: () => false,
      revision: 0,
    },
    announce: ({ messages }: PlatformSpoke) => {
      for (const { topic, payload } of messages)
        heard.push({ topic, value: JSON.parse(Buffer.from(payload).toString()) as JsonObject });
    },
    isOffered: (...asked: Parameters<OtaJobs['isOffered']>) => ota.isOffered(...asked),
    tellsEvents: true,
    arnOf: (resource: string) => resource,
    limits: {
      openMax: 1,
      thingsMax: 100,
      keptMax: 100,
      documentBytesMax: 32_768,
      statusDetailsMax: 32,
      stepsPerTickMax: 1_000,
      updatesPendingMax: 1_000,
    },
  };
  const open = async () => {
    const jobs = await Jobs.open(options);
    const parts = {
      jobs: jobs.ofCampaigns,
      releases: { release: (path: string) => fleet.published.get(path) },
      things: {
        known: options.things.known,
      },
      reports: {
        find: async (thingName: ThingName) => {
          const report = fleet.reports.get(thingName);
          return report && { thingName, receivedAtMs: receivedAtMs.get(thingName) ?? 0, report };
        },
        note: async (thingName: ThingName, report: JsonObject) => {
          assertReport(report);
          fleet.reports.set(thingName, report);
          receivedAtMs.set(thingName, fleet.clock.now());
        },
      },
      groups: {
        groupsOf: (thingName: ThingName) => memberships.get(thingName) ?? [],
        withAncestors: (names: Iterable<GroupName>) => [...names],
      },
      groupNames: [boards],
      stepsPerTickMax: 1_000,
    };
    return { jobs, ota: new OtaJobs({ ...parts, campaigns: fleet.campaigns }) };
  };
  let { jobs, ota } = await open();
  const [pump] = fleet.names as [ThingName];

  /** So many ticks: campaigns, then what they offer, then jobs. */
  const tick = async (ticks = 1, ms = 1_000) => {
    for (let tick = 0; tick < ticks; tick++) {
      await fleet.tick(ms);
      await ota.advance();
      await jobs.advance();
    }
  };
  return {
    fleet,
    pump,
    heard,
    memberships,
    records,
    tick,
    get jobs() {
      return jobs;
    },
    get ota() {
      return ota;
    },
    restart: async () => {
      await fleet.restart();
      ({ jobs, ota } = await open());
    },
    /** A campaign that runs; resolves to its id. */
    roll: async (terms: Partial<Terms> = {}, more: Partial<NewCampaign> = {}) => {
      const { campaignId } = await fleet.create(terms, more);
      if (more.needsApproval !== true) await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
      await tick(3);
      return campaignId;
    },
    step: (campaignId: string, event: 'pause' | 'resume' | 'cancel' | 'approve' | 'start') =>
      fleet.campaigns.change({ campaignId, event }, ada),
    action: async (campaignId: string) => (await fleet.campaigns.actions({ campaignId, limit: 1 }))[0],
    execution: (campaignId: string, thingName = pump) =>
      records.execution(`AFR_OTA-${campaignId}`, thingName),
    /** What the device of the thing finds. */
    pending: async (thingName = pump) => {
      const found = await jobs.devices.pending(thingName);
      return Array.isArray(found) ? found : [];
    },
    start: (thingName = pump) => jobs.devices.startNext({ kind: 'start-next', thingName }),
    say: (
      campaignId: string,
      status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED',
      statusDetails: Record<string, string> = {},
    ) =>
      jobs.devices.update({
        kind: 'update',
        thingName: pump,
        jobId: `AFR_OTA-${campaignId}`,
        status,
        statusDetails,
      }),
  };
}

export const ada = { kind: 'operator', operatorId: 'ada' } as const;
