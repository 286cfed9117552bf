import { isExecuted } from './action.ts';
import { type ActionState, isEnd } from './steps.ts';
import type { ActionCount } from './store.ts';

/** Causes that are counted apart; what comes after is `other`: devices choose them. */
const causesMax = 50;

/** How many actions of one stage began, ended, and ended how. */
export interface StageCount {
  /** Offered at least once, whatever became of them; those that were let go are not among them. */
  readonly started: number;
  readonly executed: number;
  readonly succeeded: number;
}

interface Kind extends Pick<ActionCount, 'state'> {
  readonly stage?: number | undefined;
  readonly cause?: string | undefined;
}

/** The actions of a campaign, counted by stage, state and cause: the sums that decisions are made from. */
export class Tally {
  readonly #counts = new Map<string, { readonly kind: Kind; count: number }>();
  readonly #causes = new Set<string>();

  add({ stage, state, cause }: Kind, count = 1): void {
    const key = `${stage ?? ''} ${state} ${cause ?? ''}`;
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { kind: { stage, state, cause }, count });
    else if (entry.count + count === 0) this.#counts.delete(key);
    else entry.count += count;
    if (cause !== undefined && count > 0) this.#causes.add(cause);
  }

  remove(kind: Kind): void {
    this.add(kind, -1);
  }

  /** The name under which a cause is kept. */
  causeOf(cause: string): string {
    return this.#causes.has(cause) || this.#causes.size < causesMax ? cause : 'other';
  }

  get counts(): readonly ActionCount[] {
    return [...this.#counts.values()].map(({ kind: { stage, state, cause }, count }) => {
      return { stage, state, cause, count };
    });
  }

  get total(): number {
    return this.#sum(() => true);
  }

  of(state: ActionState): number {
    return this.#sum((kind) => kind.state === state);
  }

  get open(): number {
    return this.#sum(({ state }) => !isEnd(state));
  }

  /** Offered in any stage. */
  get notified(): number {
    return this.#sum(isStarted);
  }

  get succeeded(): number {
    return this.of('SUCCEEDED');
  }

  stage(stage: number): StageCount {
    const own = (kind: Kind) => kind.stage === stage;
    return {
      started: this.#sum((kind) => own(kind) && isStarted(kind)),
      executed: this.#sum((kind) => own(kind) && isExecuted(kind.state)),
      succeeded: this.inStage(stage, 'SUCCEEDED'),
    };
  }

  inStage(stage: number, state: ActionState): number {
    return this.#sum((kind) => kind.stage === stage && kind.state === state);
  }

  #sum(counts: (kind: Kind) => boolean): number {
    let sum = 0;
    for (const { kind, count } of this.#counts.values()) if (counts(kind)) sum += count;
    return sum;
  }
}

function isStarted({ stage, state }: Kind): boolean {
  return stage !== undefined && state !== 'SKIPPED' && state !== 'CANCELLED';
}
