import type { StateBudget } from './budget.ts';
import type { Pattern } from './pattern.ts';

type Step =
  | { readonly kind: 'symbols'; readonly symbols: readonly number[] }
  | { readonly kind: 'one' | 'star' }
  | { readonly kind: 'variable'; readonly variable: string }
  | { readonly kind: 'end'; readonly pattern: number };

interface State {
  /** Places in the patterns; a place beyond the last step is inside the variable that many steps before. */
  readonly places: readonly number[];
  readonly next: Map<number, number>;
  readonly marks: Map<string, number>;
  otherwise: number | undefined;
  literals: ReadonlySet<number> | undefined;
}

/** The state in which no pattern can match any more. */
export const DEAD = 0;

/**
 * Runs many patterns at once over a text in which the spans of variables are marked: a deterministic automaton of which
 * only the states that are asked for are made.
 */
export class Machine {
  readonly patternCount: number;
  readonly start: number;
  readonly #steps: readonly Step[];
  /** For each step the pattern that it belongs to. */
  readonly #patternOf: readonly number[];
  readonly #states: State[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #accepted: (Uint8Array | undefined)[] = [];
  readonly #budget: StateBudget;

  constructor(patterns: readonly Pattern[], budget: StateBudget) {
    this.patternCount = patterns.length;
    this.#budget = budget;
    const starts: number[] = [];
    const steps: Step[] = [];
    for (const [pattern, glyphs] of patterns.entries()) {
      starts.push(steps.length);
      for (const glyph of glyphs) steps.push(glyph);
      steps.push({ kind: 'end', pattern });
    }
    this.#steps = steps;
    this.#patternOf = patterns.flatMap((glyphs, pattern) =>
      new Array<number>(glyphs.length + 1).fill(pattern),
    );
    budget.spend(Math.ceil(steps.length / 64));
    this.#number([]);
    this.start = this.#number(starts);
  }

  /** The state after one character of that class. */
  step(state: number, symbol: number): number {
    const from = this.#states[state]!;
    const isLiteral = this.literals(state).has(symbol);
    const known = isLiteral ? from.next.get(symbol) : from.otherwise;
    if (known !== undefined) return known;
    const to = this.#number(from.places.flatMap((place) => this.#advance(place, symbol)));
    if (isLiteral) from.next.set(symbol, to);
    else from.otherwise = to;
    return to;
  }

  /** The classes that lead elsewhere than all others do. */
  literals(state: number): ReadonlySet<number> {
    const from = this.#states[state]!;
    from.literals ??= new Set(
      from.places.flatMap((place) => {
        const step = this.#steps[place];
        return step?.kind === 'symbols' ? step.symbols : [];
      }),
    );
    return from.literals;
  }

  /** The state after a mark that a span of the variable begins, or ends, here. */
  mark(state: number, edge: 'open' | 'close', variable: string): number {
    const from = this.#states[state]!;
    const key = `${edge} ${variable}`;
    const known = from.marks.get(key);
    if (known !== undefined) return known;
    const places = from.places.flatMap((place) => this.#cross(place, edge, variable));
    const to = this.#number(places);
    from.marks.set(key, to);
    return to;
  }

  /** The variables that some pattern waits for in this state. */
  awaited(state: number): readonly string[] {
    const names = this.#states[state]!.places.flatMap((place) => {
      const step = this.#steps[place];
      return step?.kind === 'variable' ? [step.variable] : [];
    });
    return [...new Set(names)];
  }

  /** For each pattern 1 when the text so far matches it. */
  accepted(state: number): Uint8Array {
    const known = this.#accepted[state];
    if (known !== undefined) return known;
    const accepted = new Uint8Array(this.patternCount);
    for (const place of this.#states[state]!.places) {
      const step = this.#steps[place];
      if (step?.kind === 'end') accepted[step.pattern] = 1;
    }
    this.#accepted[state] = accepted;
    return accepted;
  }

  /** For each pattern 1 when some continuation may still match it. */
  alive(state: number): Uint8Array {
    const alive = new Uint8Array(this.patternCount);
    for (const place of this.#states[state]!.places) alive[this.#patternOf[place % this.#steps.length]!] = 1;
    return alive;
  }

  #advance(place: number, symbol: number): readonly number[] {
    const step = this.#steps[place];
    if (step === undefined) return [place];
    if (step.kind === 'star') return [place];
    if (step.kind === 'one' || (step.kind === 'symbols' && step.symbols.includes(symbol))) return [place + 1];
    return [];
  }

  #cross(place: number, edge: 'open' | 'close', variable: string): readonly number[] {
    const total = this.#steps.length;
    const step = this.#steps[place % total];
    const isHere = step?.kind === 'variable' && step.variable === variable;
    if (edge === 'open') return isHere && place < total ? [place, place + total] : [place];
    return isHere && place >= total ? [place - total + 1] : [place];
  }

  /** The number of a set of places, with everything a star may skip. */
  #number(places: readonly number[]): number {
    const closed = new Set<number>();
    for (let place of places) {
      closed.add(place);
      while (this.#steps[place]?.kind === 'star') closed.add(++place);
    }
    const sorted = [...closed].sort((a, b) => a - b);
    const key = sorted.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#budget.spend(1 + (sorted.length >> 2));
    this.#states.push({
      places: sorted,
      next: new Map(),
      marks: new Map(),
      otherwise: undefined,
      literals: undefined,
    });
    this.#numbers.set(key, this.#states.length - 1);
    return this.#states.length - 1;
  }
}
