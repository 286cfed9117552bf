/** A campaign is over when every member renewed or is gone, or when an operator cancelled it. */
export type CampaignState = 'RUNNING' | 'PAUSED' | 'CANCELLED' | 'COMPLETED';
export type CampaignEvent = 'pause' | 'resume' | 'cancel' | 'done';

/** A certificate waits for its turn, is called when its device may be told to renew, and ends renewed or revoked. */
export type MemberState = 'WAITING' | 'CALLED' | 'RENEWED' | 'GONE';
export type MemberEvent = 'call' | 'renew' | 'leave';

type Steps<State extends string, Event extends string> = Readonly<
  Record<State, Partial<Readonly<Record<Event, State>>>>
>;

/** What is not here may not happen: a state without steps is for ever. */
export const campaignSteps: Steps<CampaignState, CampaignEvent> = {
  RUNNING: { pause: 'PAUSED', cancel: 'CANCELLED', done: 'COMPLETED' },
  PAUSED: { resume: 'RUNNING', cancel: 'CANCELLED', done: 'COMPLETED' },
  CANCELLED: {},
  COMPLETED: {},
};

// A device renews by itself too, before it is called.
export const memberSteps: Steps<MemberState, MemberEvent> = {
  WAITING: { call: 'CALLED', renew: 'RENEWED', leave: 'GONE' },
  CALLED: { renew: 'RENEWED', leave: 'GONE' },
  RENEWED: {},
  GONE: {},
};
