/** A name that was allowed, and how often since it was last counted in. */
interface Counted {
  name: string;
  count: number;
}

/** Takes how often a name was allowed; `isSample` when it stands for others too. */
export type CountIn = (name: string, count: number, isSample: boolean) => void;

// Most devices publish and receive on a handful of topics; beyond `namesMax` names are decided each time and sampled, ever more rarely.
const sampledEveryMax = 1_024;

/**
 * The names one action was allowed on, for as long as a connection's rights stand: answers again without deciding, and counts. A map
 * lookup at most for each packet, and for one more of the same name a comparison.
 */
export class AllowedNames {
  readonly #byName = new Map<string, Counted>();
  readonly #countIn: CountIn;
  readonly #namesMax: number;
  /** Beyond `namesMax` the last name alone, and how many before it were not told one by one. */
  readonly #loose: Counted = { name: '', count: 0 };
  #untold = 0;
  #sampledEvery = 1;
  #last = this.#loose;

  constructor(countIn: CountIn, namesMax: number) {
    this.#countIn = countIn;
    this.#namesMax = namesMax;
  }

  /** Whether the name was allowed and is kept; if so it is counted. */
  has(name: string): boolean {
    const last = this.#last;
    if (last.name === name && last.count > 0) {
      last.count++;
      return true;
    }
    if (this.#isFull) return false;
    const known = this.#byName.get(name);
    if (known === undefined) return false;
    known.count++;
    this.#last = known;
    return true;
  }

  /** Counts a name that was allowed just now. */
  add(name: string): void {
    if (this.#isFull) {
      this.#sample(name);
      return;
    }
    const counted = { name, count: 1 };
    this.#byName.set(name, counted);
    this.#last = counted;
  }

  /** Tells every count and begins anew; what was not used since the last time is no longer kept. */
  drain(): void {
    const wasFull = this.#isFull;
    for (const [name, counted] of this.#byName) {
      if (counted.count > 0) this.#countIn(name, counted.count, false);
      if (counted.count === 0 || wasFull) this.#byName.delete(name);
      counted.count = 0;
    }
    this.#last = this.#loose;
    this.#loose.count = 0;
    this.#untold = 0;
    this.#sampledEvery = 1;
  }

  get #isFull(): boolean {
    return this.#byName.size >= this.#namesMax;
  }

  #sample(name: string): void {
    this.#untold += this.#loose.count;
    this.#loose.name = name;
    this.#loose.count = 1;
    this.#last = this.#loose;
    if (this.#untold < this.#sampledEvery) return;
    this.#countIn(name, this.#untold, true);
    this.#untold = 0;
    this.#sampledEvery = Math.min(2 * this.#sampledEvery, sampledEveryMax);
  }
}
