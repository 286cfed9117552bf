import { AppError, type GroupName, type ThingName } from '@fleetward/core';

export type GroupsErrorCode =
  | 'groups.not_found'
  | 'groups.exists'
  | 'groups.limit'
  | 'groups.cycle'
  | 'groups.not_empty'
  | 'groups.not_member'
  | 'groups.dynamic'
  | 'groups.invalid';

/** What an operator asked of a group cannot be done; nothing was changed. */
export class GroupsError extends AppError<GroupsErrorCode> {}

export function groupNotFound(name: string): GroupsError {
  return new GroupsError('groups.not_found', `there is no group \`${name}\``);
}

/** For what only a static group can be part of, as AWS IoT has it. */
export function groupDynamic(name: string, what: string): GroupsError {
  return new GroupsError('groups.dynamic', `group \`${name}\` is dynamic, made by its query: ${what}`);
}

export function groupNotEmpty(name: string, holds: string, cause?: unknown): GroupsError {
  return new GroupsError('groups.not_empty', `group \`${name}\` is not empty: it has ${holds}`, { cause });
}

export function notMember({
  groupName,
  thingName,
}: {
  readonly groupName: GroupName;
  readonly thingName: ThingName;
}): GroupsError {
  return new GroupsError('groups.not_member', `thing \`${thingName}\` is not in group \`${groupName}\``);
}
