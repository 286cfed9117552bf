import { type Clock, parseGroupName, type ThingName } from '@fleetward/core';
import type { Groups } from './groups/index.ts';
import { type CertificateFacts, Search, type SearchLimits } from './search/index.ts';
import type { Things } from './things/index.ts';

/** The search of the fleet over the registries as they are; from then on they tell it of each change. */
export async function openSearch(parts: {
  readonly clock: Clock;
  readonly things: Things;
  readonly groups: Groups;
  readonly certificatesOf: (name: ThingName) => readonly CertificateFacts[];
  /** What shadows held at the start. */
  readonly shadows: Parameters<Search['load']>[0]['shadows'];
  readonly limits: SearchLimits;
}): Promise<Search> {
  const { clock, things, groups, certificatesOf, shadows, limits } = parts;
  const search = new Search({
    clock,
    thing: (name) => things.known(name),
    groupsOf: (name) => groups.groupsOf(name),
    withAncestors: (names) => groups.withAncestors(names.map((name) => parseGroupName(name))),
    certificatesOf,
    monotonicMs: () => performance.now(),
    limits,
  });
  await search.load({ names: things.names(), reports: (range) => things.reports.page(range), shadows });
  return search;
}
