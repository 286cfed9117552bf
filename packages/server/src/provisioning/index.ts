export type { ProvisioningErrorCode } from './errors.ts';
export { provisioningHandlers } from './http.ts';
export { provisioningTopics } from './mqtt.ts';
export { Provisioning, type ProvisioningSettings } from './service.ts';
