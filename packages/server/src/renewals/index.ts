export type { RenewalsErrorCode } from './errors.ts';
export { deviceRenewalHandlers, renewalHandlers } from './http.ts';
export { RenewalCampaigns } from './service.ts';
