import { type Clock, parseGroupName } from '@fleetward/core';
import type { Certificates } from './certificates/index.ts';
import type { Groups } from './groups/index.ts';
import { Search, type SearchLimits } from './search/index.ts';
import type { Things } from './things/index.ts';

/** The search of the fleet over the registries as they are; from then on they tell it of each change. */
export async function openSearch(parts: {
  readonly clock: Clock;
  readonly things: Things;
  readonly groups: Groups;
  readonly certificates: Pick<Certificates, 'summary'>;
  readonly limits: SearchLimits;
}): Promise<Search> {
  const { clock, things, groups, certificates, limits } = parts;
  const search = new Search({
    clock,
    thing: (name) => things.known(name),
    groupsOf: (name) => groups.groupsOf(name),
    withAncestors: (names) => groups.withAncestors(names.map((name) => parseGroupName(name))),
    certificatesOf: (name) =>
      things.certificatesOf(name).flatMap(({ certificateId }) => certificates.summary(certificateId) ?? []),
    monotonicMs: () => performance.now(),
    limits,
  });
  await search.load({ names: things.names(), reports: (range) => things.reports(range) });
  return search;
}
