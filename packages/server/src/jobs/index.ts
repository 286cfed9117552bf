export { type CampaignJobs, correctedExecution, type WantedExecution } from './campaign-jobs.ts';
export { jobDeviceRoutes } from './device-http.ts';
export type { JobsErrorCode } from './errors.ts';
export { jobHandlers } from './http.ts';
export { jobTopicServices } from './mqtt.ts';
export { Jobs } from './service.ts';
export type { JobExecution } from './store.ts';
