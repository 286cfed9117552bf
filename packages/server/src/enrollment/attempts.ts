import type { Clock } from '@fleetward/core';
import type { Denials } from '../denials/index.ts';
import type { AttemptLog } from './attempt-log.ts';
import { clockRefusal } from './clock-refusal.ts';
import { type Refusal, refuse } from './refusal.ts';
import { Trace } from './trace.ts';

export interface AttemptsOptions {
  readonly log: AttemptLog;
  readonly denials: Denials;
  readonly clock: Clock;
  readonly settings: { readonly inFlightMax: number };
}

/** What devices try: so many at once, none before the clock is set, each counted by its end, and each refusal told with its trace. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #ends = new Map<string, number>();
  #inFlight = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Since the start: how they ended, `issued` or the reason of their refusal. */
  get endCounts(): ReadonlyMap<string, number> {
    return this.#ends;
  }

  /** Gives what was decided; what is no refusal left its trace by itself, with what it changed. */
  async make<Outcome extends { readonly kind: string }>(
    operation: string,
    request: { readonly remoteAddress: string },
    decide: (trace: Trace) => Promise<Outcome | Refusal>,
  ): Promise<Outcome | Refusal> {
    const trace = new Trace(operation);
    const outcome = await this.#bounded(() => decide(trace));
    const end = isRefusal(outcome) ? outcome.reason : outcome.kind;
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
    return isRefusal(outcome) ? this.#traced(request, trace, outcome) : outcome;
  }

  async #bounded<Outcome>(decide: () => Promise<Outcome | Refusal>): Promise<Outcome | Refusal> {
    const unset = clockRefusal(this.#options.clock);
    if (unset !== undefined) return unset;
    if (this.#inFlight >= this.#options.settings.inFlightMax)
      return refuse('busy', 'too many enrolments at once; try again');
    this.#inFlight++;
    try {
      return await decide();
    } finally {
      this.#inFlight--;
    }
  }

  async #traced(
    { remoteAddress }: { readonly remoteAddress: string },
    trace: Trace,
    refusal: Refusal,
  ): Promise<Refusal> {
    const { reason, explanation, thingName } = refusal;
    trace.refuse(`${reason}: ${explanation}`);
    if (thingName !== undefined) trace.about({ thingName });
    const { tokenId: _, ...subject } = trace.subject;
    const facts = { remoteAddress, explanation: `${reason}: ${explanation}`, ...subject };
    this.#options.denials.record({ ...facts, cause: 'enrollment_refused' });
    await this.#options.log.addAlone(trace, { outcome: 'refused', reason, explanation, remoteAddress });
    return refusal;
  }
}

function isRefusal(outcome: { readonly kind: string }): outcome is Refusal {
  return outcome.kind === 'refused';
}
