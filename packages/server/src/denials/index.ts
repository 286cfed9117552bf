export type { DenialCause } from '@fleetward/protocol';
export type { Denial, DenialFilter, DenialReport, DenialStatement } from './denial.ts';
export { denialHandlers } from './http.ts';
export { Denials, type DenialsOptions } from './service.ts';
