export type { ProvisioningErrorCode } from './errors.ts';
export { provisioningHandlers } from './http.ts';
export { provisioningTopics } from './mqtt.ts';
export { Provisioning, type ProvisioningSettings } from './service.ts';
export { readSubject } from './template/subject-parameters.ts';
export type { Provisioned } from './thing-maker.ts';
