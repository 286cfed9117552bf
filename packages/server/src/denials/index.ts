export type { DenialCause } from '@fleetward/protocol';
export type { DenialReport } from './denial.ts';
export { denialHandlers } from './http.ts';
export { Denials, type DenialsOptions, type DeviceDenied } from './service.ts';
