import type { Random, ThingName } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Search } from '../search/index.ts';
import type { Things } from '../things/index.ts';
import type { CampaignStore, CampaignTarget } from './store.ts';

export interface SelectParts {
  readonly things: Pick<Things, 'known' | 'names'>;
  readonly groups: Pick<Groups, 'members'>;
  readonly search: Pick<Search, 'select'>;
  readonly store: Pick<CampaignStore, 'actions'>;
}

const pageSize = 1_000;

/** The things of a target as they are now, from memory. Throws `groups.not_found`, and what a search throws of a query. */
export async function selectThings(
  target: CampaignTarget,
  parts: SelectParts,
): Promise<readonly ThingName[]> {
  const { things } = parts;
  const wanted = Object.entries(target.attributes);
  const names: ThingName[] = [];
  for (const name of await namesOf(target, parts)) {
    const attributes = things.known(name)?.attributes;
    if (attributes !== undefined && wanted.every(([key, value]) => attributes[key] === value))
      names.push(name);
  }
  return names;
}

async function namesOf(
  { groupName, query, updatedBy }: CampaignTarget,
  { things, groups, search, store }: SelectParts,
): Promise<Iterable<ThingName>> {
  if (updatedBy !== undefined) return thingsOffered(updatedBy, store);
  if (query !== undefined) return search.select(query);
  if (groupName === undefined) return things.names();
  return groups.members(groupName);
}

/** Everything that may run what a campaign brought: also where it did not say so. */
async function thingsOffered(campaignId: string, store: SelectParts['store']): Promise<readonly ThingName[]> {
  const names: ThingName[] = [];
  for (let after = 0; ; ) {
    const page = await store.actions({ campaignId, after, limit: pageSize });
    for (const { thingName, attempts } of page) if (attempts > 0) names.push(thingName);
    const last = page.at(-1);
    if (last === undefined) return names;
    after = last.actionId;
  }
}

/** In an order by lot: whose name comes first is not the canary each time. */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const order = [...items];
  const lots = Buffer.from(random.bytes(4 * order.length));
  for (let left = order.length; left > 1; left--) {
    const at = lots.readUInt32LE(4 * (left - 1)) % left;
    [order[left - 1], order[at]] = [order[at]!, order[left - 1]!];
  }
  return order;
}
