/** One line of the demo's table. */
export interface StoryRow {
  readonly step: number;
  readonly tried: string;
  readonly happened: string;
  readonly durationMs: number;
  readonly passed: boolean;
}

/** Where the demo's lines go as they happen. */
export interface StoryListener {
  stepStarted(step: number, title: string): void;
  rowStarted(tried: string): void;
  rowEnded(row: StoryRow): void;
}

/** What was tried did not come out as it must. */
class UnexpectedOutcome extends Error {}

/** Runs what is tried, one after the other, and keeps how each came out. */
export class Story {
  readonly rows: StoryRow[] = [];
  readonly #listener: StoryListener;
  #step = 0;

  constructor(listener: StoryListener) {
    this.#listener = listener;
  }

  get passed(): boolean {
    return this.rows.length > 0 && this.rows.every((row) => row.passed);
  }

  step(title: string): void {
    this.#step++;
    this.#listener.stepStarted(this.#step, title);
  }

  /** `act` answers what happened; a throw is an outcome that must not be. The story goes on: later lines may still tell something. */
  async try(tried: string, act: () => Promise<string>): Promise<void> {
    this.#listener.rowStarted(tried);
    const started = performance.now();
    const outcome = await act().then(
      (happened) => ({ happened, passed: true }),
      (error: unknown) => ({ happened: describeFailure(error), passed: false }),
    );
    this.#end({ step: this.#step, tried, ...outcome, durationMs: round(performance.now() - started) });
  }

  /** A line of its own when what `act` prepares for its lines fails; nothing when it goes well. */
  async orFail(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#end({
        step: this.#step,
        tried: what,
        happened: describeFailure(error),
        durationMs: 0,
        passed: false,
      });
    }
  }

  /** A line whose time was taken elsewhere. */
  tell(tried: string, told: { readonly happened: string; readonly durationMs: number }): void {
    this.#end({
      step: this.#step,
      tried,
      happened: told.happened,
      durationMs: round(told.durationMs),
      passed: true,
    });
  }

  #end(row: StoryRow): void {
    this.rows.push(row);
    this.#listener.rowEnded(row);
  }
}

/** Tenths of a millisecond: more is noise. */
function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function describeFailure(error: unknown): string {
  if (error instanceof UnexpectedOutcome) return error.message;
  return `failed: ${error instanceof Error ? error.message : String(error)}`;
}

/** Throws `UnexpectedOutcome` unless `condition` holds. */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new UnexpectedOutcome(otherwise);
}
