export { PoliciesError, type PoliciesErrorCode } from './errors.ts';
export { type PolicyHandlersOptions, policyHandlers } from './http.ts';
export type { SavedVersion } from './rules.ts';
export { Policies, type PoliciesOptions, type PolicyEvent } from './service.ts';
export type { PolicyAttachment, PolicyRecord, PolicyStore, PolicyVersion } from './store.ts';
