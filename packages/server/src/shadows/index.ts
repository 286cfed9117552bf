export { shadowDeviceRoutes } from './device-http.ts';
export type { ShadowsErrorCode } from './errors.ts';
export { shadowHandlers } from './http.ts';
export { shadowTopics } from './mqtt.ts';
export { Shadows } from './service.ts';
