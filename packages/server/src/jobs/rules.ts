type Steps<State extends string, Event extends string> = Readonly<
  Record<State, Partial<Readonly<Record<Event, State>>>>
>;

/** What devices know of their part in a job, in AWS IoT's words. */
export type DeviceStatus =
  | 'QUEUED'
  | 'IN_PROGRESS'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'REJECTED'
  | 'REMOVED'
  | 'CANCELED';
/** `WAITING` is ours: the job is for the thing, and its roll-out has not come to it. No device sees that. */
export type ExecutionStatus = 'WAITING' | DeviceStatus;
export type ExecutionEvent =
  | 'queue'
  /** Its turn is taken back, until it comes again. */
  | 'withdraw'
  | 'start'
  | 'succeed'
  | 'fail'
  | 'reject'
  | 'timeOut'
  | 'retry'
  | 'remove'
  | 'cancel';

const letGo = { remove: 'REMOVED', cancel: 'CANCELED' } as const;
const told = {
  ...letGo,
  start: 'IN_PROGRESS',
  succeed: 'SUCCEEDED',
  fail: 'FAILED',
  reject: 'REJECTED',
} as const;

/** What is not here may not happen: a status without steps is for ever. A device may leave out that it began. */
export const executionSteps: Steps<ExecutionStatus, ExecutionEvent> = {
  WAITING: { ...letGo, queue: 'QUEUED' },
  QUEUED: { ...told, withdraw: 'WAITING' },
  IN_PROGRESS: { ...told, timeOut: 'TIMED_OUT' },
  SUCCEEDED: {},
  // Only while its job has retries left, in the moment in which it ended: as it is stored it is an end.
  FAILED: { retry: 'QUEUED' },
  TIMED_OUT: { retry: 'QUEUED' },
  REJECTED: {},
  REMOVED: {},
  CANCELED: {},
};

export const executionStatuses = Object.keys(executionSteps) as readonly ExecutionStatus[];

/** Whether its device has it before it, or is at it. */
export function isPending(status: ExecutionStatus): boolean {
  return status === 'QUEUED' || status === 'IN_PROGRESS';
}

/** Whether nothing more comes of it, as it is stored. */
export function isEnd(status: ExecutionStatus): boolean {
  return status !== 'WAITING' && !isPending(status);
}

/** `SCHEDULED` while its things are taken in. */
export type JobState = 'SCHEDULED' | 'IN_PROGRESS' | 'CANCELED' | 'COMPLETED' | 'DELETION_IN_PROGRESS';
export type JobEvent = 'gathered' | 'complete' | 'cancel' | 'delete';

const deletion = { delete: 'DELETION_IN_PROGRESS' } as const;

export const jobSteps: Steps<JobState, JobEvent> = {
  SCHEDULED: { ...deletion, gathered: 'IN_PROGRESS', cancel: 'CANCELED' },
  IN_PROGRESS: { ...deletion, complete: 'COMPLETED', cancel: 'CANCELED' },
  CANCELED: { ...deletion, cancel: 'CANCELED' },
  COMPLETED: deletion,
  DELETION_IN_PROGRESS: {},
};
