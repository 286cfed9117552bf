export { GroupsError, type GroupsErrorCode } from './errors.ts';
export { groupHandlers } from './http.ts';
export type { GroupLimits } from './rules.ts';
export { type GroupEvent, Groups } from './service.ts';
export type { Group, HierarchyChange, Membership } from './store.ts';
