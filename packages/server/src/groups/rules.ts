import type { GroupName } from '@fleetward/core';
import { GroupsError } from './errors.ts';

export interface GroupLimits {
  readonly groupsMax: number;
  readonly levelsMax: number;
  readonly groupsPerThingMax: number;
  readonly policiesPerGroupMax: number;
}

// AWS IoT's quotas where it has one.
export const standardGroupLimits: GroupLimits = {
  groupsMax: 10_000,
  levelsMax: 7,
  groupsPerThingMax: 10,
  policiesPerGroupMax: 10,
};

/** Throws `groups.limit` when a hierarchy would grow deeper than it may. */
export function assertLevels(
  { above, below }: { readonly above: number; readonly below: number },
  levelsMax: number,
): void {
  if (above + below <= levelsMax) return;
  const levels = above + below;
  throw new GroupsError(
    'groups.limit',
    `the hierarchy would have ${levels} levels; it has at most ${levelsMax} (setting \`groups.levelsMax\`)`,
  );
}

/** Throws `groups.cycle` when a group would come to be under itself. */
export function assertNoCycle(
  name: GroupName,
  under: { readonly parentName: GroupName; readonly ancestors: readonly GroupName[] },
): void {
  if (under.parentName !== name && !under.ancestors.includes(name)) return;
  throw new GroupsError('groups.cycle', `group \`${under.parentName}\` is \`${name}\` or under it`);
}

/** Throws `groups.limit` for one more than `max`. */
export function assertRoom(
  present: number,
  { max, what, setting }: { readonly max: number; readonly what: string; readonly setting: string },
): void {
  if (present < max) return;
  throw new GroupsError('groups.limit', `${what} (setting \`groups.${setting}\`: ${max})`);
}
