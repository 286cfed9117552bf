export type { CampaignStopped } from './book.ts';
export type { CampaignsErrorCode } from './errors.ts';
export { campaignHandlers } from './http.ts';
export { type CampaignOffer, Campaigns } from './service.ts';
