export type { CampaignStopped } from './book.ts';
export type { CampaignsErrorCode } from './errors.ts';
export { campaignHandlers } from './http.ts';
export { type CampaignOffer, Campaigns, type SeenPeer } from './service.ts';
export type { Sight } from './trouble-watch.ts';
