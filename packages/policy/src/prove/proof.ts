import type { Decision } from '../decision.ts';
import type { WrittenRequest } from './requests.ts';

/** `yes`: over all requests; `no`: with a counter-example that was decided; `undecided`: the reason says what is in the way. */
export type Verdict = 'yes' | 'no' | 'undecided';

/** One request of a counter-example, with what the policies decide about it. */
export interface DecidedRequest extends WrittenRequest {
  /** Which of the compared sets of policies, or which of two devices. */
  readonly by: string;
  readonly decision: Decision['kind'];
  readonly explanation: string;
}

export interface CounterExample {
  readonly summary: string;
  readonly requests: readonly DecidedRequest[];
}

export interface Proof {
  readonly property: string;
  readonly verdict: Verdict;
  readonly summary: string;
  readonly counterExample?: CounterExample;
  /** What the answer takes for granted, and which conditions were taken both ways. */
  readonly assumptions: readonly string[];
  /** Automaton states that were made. */
  readonly states: number;
}

export interface ProofOptions {
  /** States that a proof may make before it says `undecided: too large`. */
  readonly statesMax?: number;
}

/** About two seconds on one core. */
export const STATES_MAX = 400_000;

/** Why a question stayed open. */
export function reasonOf(reason: 'too large' | 'not regular', statesMax: number): string {
  return reason === 'too large'
    ? `undecided: too large: the proof needs more than ${statesMax} states`
    : 'undecided: a variable beside other text, or a condition that compares variables, is more than automata can follow, and no counter-example was found';
}
