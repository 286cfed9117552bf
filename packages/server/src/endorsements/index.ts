export type { EndorsementsErrorCode } from './errors.ts';
export { endorsementHandlers } from './http.ts';
export type { ShownEndorsementKey } from './rules.ts';
export { Endorsements } from './service.ts';
