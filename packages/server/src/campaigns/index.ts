export type { CampaignStopped } from './book.ts';
export type { CampaignsErrorCode } from './errors.ts';
export { campaignHandlers } from './http.ts';
export type { CampaignOffer, CampaignOffers } from './offers.ts';
export type { Feedback } from './report.ts';
export { Campaigns, type CampaignUnderWay, type SeenPeer } from './service.ts';
export type { Action, CampaignRelease } from './store.ts';
export type { Sight } from './trouble-watch.ts';
