import type { ThingName } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import type { JobTarget } from './store.ts';

export interface SelectParts {
  readonly things: Pick<Things, 'known'>;
  readonly groups: Pick<Groups, 'get' | 'thingsUnder'>;
}

/** The things of a target as they are now, from memory. Throws `groups.not_found`. */
export function selectThings(
  { thingNames, groupNames }: JobTarget,
  { things, groups }: SelectParts,
): readonly ThingName[] {
  const names = new Set(thingNames.filter((name) => things.known(name) !== undefined));
  for (const groupName of groupNames) {
    groups.get(groupName);
    for (const name of groups.thingsUnder(groupName)) names.add(name);
  }
  return [...names];
}
