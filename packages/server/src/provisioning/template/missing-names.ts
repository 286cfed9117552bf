import type { GroupName, PolicyName } from '@fleetward/core';
import type { Fixed, Template } from './template.ts';

export interface Present {
  readonly hasPolicy: (name: PolicyName) => boolean;
  readonly hasGroup: (name: GroupName) => boolean;
}

/** What a template gives that is not there: it may be stored before its policies and groups are made, but provisions nobody until then. */
export function missingNames(
  { policies, thing }: Template,
  { hasPolicy, hasGroup }: Present,
): readonly string[] {
  const noPolicy = namesOf(policies).filter((name) => !hasPolicy(name));
  const noGroup = namesOf(thing.groups).filter((name) => !hasGroup(name));
  return [
    ...noPolicy.map((name) => `policy \`${name}\` is not there: devices that would get it are refused`),
    ...noGroup.map((name) => `group \`${name}\` is not there: devices that would join it are refused`),
  ];
}

/** Of those that a parameter chooses among, every one. */
function namesOf<Name extends string>(fixed: readonly Fixed<Name>[]): readonly Name[] {
  return [...new Set(fixed.flatMap((each) => (each.kind === 'name' ? [each.name] : each.names)))];
}
