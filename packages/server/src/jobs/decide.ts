import type { ThingName } from '@fleetward/core';
import { changedExecution } from './execution.ts';
import type { DeviceStatus, ExecutionEvent } from './rules.ts';
import type { JobExecution } from './store.ts';

/** What a device may say of an execution. */
export type ToldStatus = Extract<DeviceStatus, 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED'>;

interface Said {
  readonly statusDetails?: Readonly<Record<string, string>> | undefined;
  readonly stepTimeoutMinutes?: number | undefined;
}

export interface StartNext extends Said {
  readonly kind: 'start-next';
  readonly thingName: ThingName;
}

export interface Update extends Said {
  readonly kind: 'update';
  readonly thingName: ThingName;
  readonly jobId: string;
  readonly status: ToldStatus;
  readonly expectedVersion?: number | undefined;
  readonly executionNumber?: number | undefined;
}

export type DeviceChange = StartNext | Update;

export type RejectedCode =
  | 'InvalidTopic'
  | 'InvalidJson'
  | 'InvalidRequest'
  | 'InvalidStateTransition'
  | 'ResourceNotFound'
  | 'VersionMismatch'
  | 'InternalError'
  | 'RequestThrottled'
  | 'TerminalStateReached';

/** Why a device does not get what it asks for; with the execution, where it helps the device on. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly code: RejectedCode;
  readonly message: string;
  readonly execution?: JobExecution | undefined;
}

export type Decision =
  /** `undefined`: there is none to start. `isChanged`: it has to be kept. */
  | { readonly kind: 'started'; readonly execution: JobExecution | undefined; readonly isChanged: boolean }
  | { readonly kind: 'updated'; readonly execution: JobExecution }
  | Rejection;

const eventOf: Readonly<Record<ToldStatus, ExecutionEvent>> = {
  IN_PROGRESS: 'start',
  SUCCEEDED: 'succeed',
  FAILED: 'fail',
  REJECTED: 'reject',
};

/** The next of the queue begins; one that is under way is the next until it ends, and stays as it is but for its step's time limit. */
export function decideStart([next]: readonly JobExecution[], asked: StartNext, atMs: number): Decision {
  if (next === undefined) return { kind: 'started', execution: undefined, isChanged: false };
  const { stepTimeoutMinutes, statusDetails } = asked;
  const isUnderWay = next.status === 'IN_PROGRESS';
  if (isUnderWay && stepTimeoutMinutes === undefined)
    return { kind: 'started', execution: next, isChanged: false };
  const said = isUnderWay ? { stepTimeoutMinutes } : { stepTimeoutMinutes, statusDetails };
  const execution = changedExecution(next, { event: 'start', atMs, ...said }) ?? next;
  return { kind: 'started', execution, isChanged: true };
}

/** `execution` as it is now; `isLive`: whether a device may go on with it. */
export function decideUpdate(
  execution: JobExecution,
  { asked, isLive, atMs }: { readonly asked: Update; readonly isLive: boolean; readonly atMs: number },
): Decision {
  const { status, expectedVersion, executionNumber, statusDetails, stepTimeoutMinutes } = asked;
  if (executionNumber !== undefined && executionNumber !== execution.executionNumber)
    return notFound(`there is no execution ${executionNumber} of job ${asked.jobId} for this thing`);
  if (expectedVersion !== undefined && expectedVersion !== execution.versionNumber) {
    const message = `expected version ${expectedVersion}, and it is ${execution.versionNumber}`;
    return { kind: 'rejected', code: 'VersionMismatch', message, execution };
  }
  const change = { event: eventOf[status], atMs, statusDetails, stepTimeoutMinutes };
  const after = isLive ? changedExecution(execution, change) : undefined;
  if (after !== undefined) return { kind: 'updated', execution: after };
  const was = isLive ? execution.status : 'cancelled with its job, or not offered just now,';
  return {
    kind: 'rejected',
    code: 'InvalidStateTransition',
    message: `the job execution is ${was} and cannot become ${status}`,
    execution,
  };
}

export function notFound(message: string): Rejection {
  return { kind: 'rejected', code: 'ResourceNotFound', message };
}
