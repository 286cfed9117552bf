/** A proof looked at as many states as it was given: the question stays open. */
export class BudgetExceeded extends Error {}

/** Counts the states that a proof makes, so that its cost has a bound whatever the patterns are. */
export class StateBudget {
  readonly statesMax: number;
  #used = 0;

  constructor(statesMax: number) {
    this.statesMax = statesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes `cost` from the budget; throws `BudgetExceeded` when nothing is left. */
  spend(cost = 1): void {
    this.#used += cost;
    if (this.#used > this.statesMax) throw new BudgetExceeded(`more than ${this.statesMax} states`);
  }
}
