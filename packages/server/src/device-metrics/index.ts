export type { DeviceMetricsErrorCode } from './errors.ts';
export { deviceMetricsHandlers } from './http.ts';
export { deviceMetricsTopics } from './mqtt.ts';
export { DeviceMetrics } from './service.ts';
