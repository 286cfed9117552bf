interface Entry<Item> {
  readonly dueMs: number;
  readonly order: number;
  readonly item: Item;
}

/** What falls due at a time, the earliest first and then by order: a binary heap. */
export class DueQueue<Item> {
  readonly #heap: Entry<Item>[] = [];

  add(item: Item, { dueMs, order }: { readonly dueMs: number; readonly order: number }): void {
    const heap = this.#heap;
    const entry = { item, dueMs, order };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  /** The first that is due by then, taken out. */
  take(nowMs: number): Item | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last);
    return first.item;
  }

  #sink(entry: Entry<Item>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, entry)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = entry;
  }
}

function isBefore<Item>(a: Entry<Item>, b: Entry<Item>): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
