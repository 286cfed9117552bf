/** The newest `capacity` items; adding one more forgets the oldest. */
export class Ring<Item> {
  readonly #items: Item[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(item: Item): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  *newestFirst(): Generator<Item> {
    const count = this.#items.length;
    for (let age = 1; age <= count; age++) {
      yield this.#items[(this.#next - age + this.#capacity) % this.#capacity]!;
    }
  }
}
