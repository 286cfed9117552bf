import type { Feedback } from '../campaigns/index.ts';
import { storableText } from '../storable-text.ts';
import { type BodyLimits, invalid, objectAt, readObject, wordAt } from './read-object.ts';

const executions = [
  'closed',
  'proceeding',
  'canceled',
  'scheduled',
  'rejected',
  'resumed',
  'downloaded',
  'download',
] as const;
const results = ['success', 'failure', 'none'] as const;

/** What a client says of an action. */
export interface DdiFeedback {
  readonly execution: (typeof executions)[number];
  readonly finished: (typeof results)[number];
  /** Its details, one a line; cut to what is kept. */
  readonly details: string;
}

const detailsCharactersMax = 1_000;

/** The body of a `feedback`, of a deployment or of a cancellation. Throws `ddi.invalid`. */
export function parseFeedback(body: Uint8Array, limits: BodyLimits): DdiFeedback {
  const status = objectAt(readObject(body, limits), 'status');
  const execution = wordAt(status, 'execution', { words: executions, path: 'status.execution' });
  const result = objectAt(status, 'result', 'status.result');
  const finished = wordAt(result, 'finished', { words: results, path: 'status.result.finished' });
  const { details = [] } = status;
  if (!Array.isArray(details) || !details.every((line) => typeof line === 'string'))
    throw invalid('`status.details` is no list of texts');
  return { execution, finished, details: linesOf(details) };
}

/** The last lines say how it ended. */
function linesOf(details: readonly string[]): string {
  const text = details.map(storableText).join('; ');
  return text.slice(-detailsCharactersMax).toWellFormed();
}

const answers = ['confirmed', 'denied'] as const;

/** The body of a confirmation's `feedback`. Throws `ddi.invalid`. */
export function parseConfirmation(
  body: Uint8Array,
  limits: BodyLimits,
): { readonly confirmation: (typeof answers)[number] } {
  const told = readObject(body, limits);
  return { confirmation: wordAt(told, 'confirmation', { words: answers, path: 'confirmation' }) };
}

/**
 * What it means for the action; `undefined`: nothing yet. Success is what the client calls so: SWUpdate says it after the restart into
 * what was installed. Whatever is closed otherwise has failed, for good: no client says whether another attempt may end better.
 */
export function meaningOf({ execution, finished, details }: DdiFeedback): Feedback | undefined {
  const explanation = details === '' ? 'its client gave no details' : details;
  switch (execution) {
    case 'closed':
      if (finished === 'success') return { event: 'confirm' };
      return {
        event: 'fail',
        cause: finished === 'failure' ? 'client-failure' : 'closed-without-result',
        explanation,
      };
    case 'canceled':
      return { event: 'fail', cause: 'client-canceled', explanation };
    case 'rejected':
      return { event: 'reject', cause: 'client-rejected', explanation };
    case 'download':
      return { event: 'download' };
    case 'downloaded':
    case 'proceeding':
    case 'resumed':
      return { event: 'install' };
    case 'scheduled':
      return undefined;
  }
}
