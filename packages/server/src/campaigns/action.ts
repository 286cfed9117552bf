import type { Random } from '@fleetward/core';
import { type ActionEvent, type ActionState, actionSteps, isActive } from './steps.ts';
import type { Action } from './store.ts';
import type { Retry, Terms } from './terms.ts';

/** What becomes of an action, and why. */
export interface ActionChange {
  readonly event: ActionEvent;
  readonly atMs: number;
  /** A short name for why it failed, was rejected or skipped; failures are counted by it. */
  readonly cause?: string | undefined;
  readonly explanation?: string | undefined;
}

/** The action after it; `undefined` when the table does not have that step. */
export function changedAction(action: Action, { event, atMs, ...why }: ActionChange): Action | undefined {
  const state = actionSteps[action.state][event];
  if (state === undefined) return undefined;
  const { cause: _cause, explanation: _explanation, notBeforeMs: _notBefore, ...kept } = action;
  const given = why.cause === undefined ? {} : { cause: why.cause };
  const explained = why.explanation === undefined ? {} : { explanation: why.explanation };
  return { ...kept, ...given, ...explained, state, sinceMs: atMs };
}

/** What an offer adds: which stage it counts for, and what ran before. */
export function offeredAction(
  action: Action,
  offer: {
    readonly atMs: number;
    readonly stage: number;
    readonly fromVersion?: string | undefined;
    readonly fromSha256?: string | undefined;
  },
): Action | undefined {
  const { atMs, stage, fromVersion, fromSha256 } = offer;
  const offered = changedAction(action, { event: 'offer', atMs });
  return (
    offered && {
      ...offered,
      stage: action.stage ?? stage,
      attempts: action.attempts + 1,
      offeredAtMs: atMs,
      // A later attempt starts from what the first one did.
      ...(offered.fromVersion === undefined && fromVersion !== undefined ? { fromVersion } : {}),
      ...(offered.fromSha256 === undefined && fromSha256 !== undefined ? { fromSha256 } : {}),
    }
  );
}

/** A failure that may pass: another attempt after a while, or the end when there were enough or the campaign has stopped. */
export function failedAction(
  action: Action,
  {
    retry,
    mayRetry,
    random,
    ...change
  }: ActionChange & { readonly retry: Retry; readonly mayRetry: boolean; readonly random: Random },
): Action | undefined {
  if (!mayRetry || action.attempts > retry.retriesMax) return changedAction(action, change);
  const again = changedAction(action, { ...change, event: 'retry' });
  return again && { ...again, notBeforeMs: change.atMs + retryDelayMs(retry, action.attempts, random) };
}

/** Full jitter: anywhere between nothing and a delay that doubles with each attempt. */
export function retryDelayMs({ firstDelayMs, delayMaxMs }: Retry, attempts: number, random: Random): number {
  const most = Math.min(delayMaxMs, firstDelayMs * 2 ** Math.min(attempts - 1, 30));
  const [a = 0, b = 0, c = 0] = random.bytes(3);
  return Math.floor((most * (a * 65_536 + b * 256 + c)) / 2 ** 24);
}

/** When an attempt that is under way has taken too long. */
export function timesOutAtMs({ state, offeredAtMs = 0 }: Action, { timeOutMs }: Terms): number | undefined {
  return isActive(state) ? offeredAtMs + timeOutMs : undefined;
}

const executed: ReadonlySet<ActionState> = new Set(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'REJECTED']);

/** Whether the release was tried on the thing and it ended, well or not. */
export function isExecuted(state: ActionState): boolean {
  return executed.has(state);
}
