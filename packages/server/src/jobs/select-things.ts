import type { ThingName } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import type { JobTarget } from './store.ts';

export interface SelectParts {
  readonly things: Pick<Things, 'known'>;
  readonly groups: Pick<Groups, 'members'>;
}

/** The things of a target as they are now, from memory. Throws `groups.not_found`, and what a search throws of a dynamic group's query. */
export async function selectThings(
  { thingNames, groupNames }: JobTarget,
  { things, groups }: SelectParts,
): Promise<readonly ThingName[]> {
  const names = new Set(thingNames.filter((name) => things.known(name) !== undefined));
  for (const groupName of groupNames) {
    for (const name of await groups.members(groupName)) names.add(name);
  }
  return [...names];
}
