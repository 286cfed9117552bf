import { AppError } from '@fleetward/core';

export type CampaignsErrorCode =
  | 'campaigns.not_found'
  | 'campaigns.invalid'
  | 'campaigns.release_unknown'
  | 'campaigns.empty'
  | 'campaigns.limit'
  | 'campaigns.state'
  | 'campaigns.own_approval'
  | 'campaigns.no_way_back'
  | 'campaigns.action_unknown';

/** A campaign cannot be made or changed like this, or what a device says of an action is not taken; nothing was changed. */
export class CampaignsError extends AppError<CampaignsErrorCode> {}
