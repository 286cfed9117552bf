export { OtaJobs } from './service.ts';
