type Steps<State extends string, Event extends string> = Readonly<
  Record<State, Partial<Readonly<Record<Event, State>>>>
>;

/** `HALTED` is what the campaign does to itself for good; `PAUSED` is what an operator may end. */
export type CampaignState =
  | 'PROPOSED'
  | 'READY'
  | 'GATHERING'
  | 'RUNNING'
  | 'PAUSED'
  | 'HALTED'
  | 'CANCELLED'
  | 'COMPLETED';
export type CampaignEvent =
  | 'approve'
  | 'start'
  | 'gathered'
  | 'pause'
  | 'resume'
  | 'halt'
  | 'cancel'
  | 'done';

/** What is not here may not happen: a state without steps is for ever. */
export const campaignSteps: Steps<CampaignState, CampaignEvent> = {
  PROPOSED: { approve: 'READY', cancel: 'CANCELLED' },
  READY: { start: 'GATHERING', cancel: 'CANCELLED' },
  GATHERING: { gathered: 'RUNNING', cancel: 'CANCELLED' },
  RUNNING: { pause: 'PAUSED', halt: 'HALTED', cancel: 'CANCELLED', done: 'COMPLETED' },
  PAUSED: { resume: 'RUNNING', halt: 'HALTED', cancel: 'CANCELLED' },
  HALTED: {},
  CANCELLED: {},
  COMPLETED: {},
};

/** Where one thing is in one campaign. The last six are ends. */
export type ActionState =
  | 'SCHEDULED'
  | 'OFFERED'
  | 'DOWNLOADING'
  | 'INSTALLING'
  | 'AWAITING_CONFIRMATION'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'REJECTED'
  | 'SKIPPED'
  | 'CANCELLED';
export type ActionEvent =
  | 'offer'
  | 'skip'
  | 'download'
  | 'install'
  | 'installed'
  | 'confirm'
  | 'fail'
  | 'timeOut'
  | 'retry'
  | 'reject'
  | 'cancel';

const fromAnywhere = { cancel: 'CANCELLED' } as const;
const fromRunning = {
  ...fromAnywhere,
  confirm: 'SUCCEEDED',
  fail: 'FAILED',
  timeOut: 'TIMED_OUT',
  retry: 'SCHEDULED',
} as const;

// A device may leave out steps, but never goes back to an earlier one; it waits again only for another attempt.
export const actionSteps: Steps<ActionState, ActionEvent> = {
  // Confirmed while it waits: an attempt that was given up came to a good end.
  SCHEDULED: { ...fromAnywhere, offer: 'OFFERED', skip: 'SKIPPED', confirm: 'SUCCEEDED' },
  OFFERED: {
    ...fromRunning,
    reject: 'REJECTED',
    download: 'DOWNLOADING',
    install: 'INSTALLING',
    installed: 'AWAITING_CONFIRMATION',
  },
  DOWNLOADING: {
    ...fromRunning,
    reject: 'REJECTED',
    install: 'INSTALLING',
    installed: 'AWAITING_CONFIRMATION',
  },
  INSTALLING: { ...fromRunning, reject: 'REJECTED', installed: 'AWAITING_CONFIRMATION' },
  AWAITING_CONFIRMATION: fromRunning,
  SUCCEEDED: {},
  FAILED: {},
  TIMED_OUT: {},
  REJECTED: {},
  SKIPPED: {},
  CANCELLED: {},
};

export const actionStates = Object.keys(actionSteps) as readonly ActionState[];

/** Whether nothing more can become of it. */
export function isEnd(state: ActionState): boolean {
  return Object.keys(actionSteps[state]).length === 0;
}

/** Whether a device is at it, or may be: it is offered this release and no other. */
export function isActive(state: ActionState): boolean {
  return state !== 'SCHEDULED' && !isEnd(state);
}

/** Whether no device is started any more, whatever happens. */
export function isStopped(state: CampaignState): boolean {
  return Object.keys(campaignSteps[state]).length === 0;
}
