import type { Action, Feedback } from '../campaigns/index.ts';
import type { JobExecution } from '../jobs/index.ts';
import { storableText } from '../storable-text.ts';

const explanationCharactersMax = 1_000;

/** What an execution says of its action that this does not know yet; `undefined`: nothing. AWS's library tells of its self-test in `self_test`. */
export function feedbackOf(
  { status, statusDetails, executionNumber }: JobExecution,
  { state, attempts }: Action,
): Feedback | undefined {
  // Whichever attempt it was: the device runs it.
  if (status === 'SUCCEEDED') return { event: 'confirm' };
  if (executionNumber !== attempts || state === 'SCHEDULED') return undefined;
  const explanation = textOf(statusDetails);
  switch (status) {
    case 'IN_PROGRESS':
      return progressOf(statusDetails.self_test, state);
    case 'FAILED':
      return { event: 'fail', cause: 'client-failure', explanation };
    case 'TIMED_OUT':
      return { event: 'fail', mayPass: true, cause: 'client-timed-out', explanation };
    case 'REJECTED':
      // After it was installed there is nothing left to reject.
      return {
        event: state === 'AWAITING_CONFIRMATION' ? 'fail' : 'reject',
        cause: 'client-rejected',
        explanation,
      };
    default:
      return undefined;
  }
}

/** `ready`: the image is there and its signature good; `active`: it runs, and is yet to prove itself. */
function progressOf(selfTest: string | undefined, state: Action['state']): Feedback | undefined {
  if (selfTest === 'active') return state === 'AWAITING_CONFIRMATION' ? undefined : { event: 'installed' };
  const isBefore = state === 'OFFERED' || state === 'DOWNLOADING';
  if (selfTest === 'ready') return isBefore ? { event: 'install' } : undefined;
  return state === 'OFFERED' ? { event: 'download' } : undefined;
}

function textOf(details: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(details).map(([name, value]) => `${name}: ${value}`);
  return (
    storableText(pairs.join('; ').slice(0, explanationCharactersMax).toWellFormed()) ||
    'its device gave no details'
  );
}
