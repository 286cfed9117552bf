/** What stands among its siblings: `ordinal` is given to it there. */
interface Sibling {
  readonly level: string;
  readonly ordinal: number;
}

/**
 * Nodes below one node, by level and in the order in which they came. A place among them is a number: unlike an iterator of a
 * `Map`, which keeps every table that map has grown or shrunk out of since, it costs nothing however long somebody stays there.
 */
export class Siblings<Node extends Sibling> {
  readonly #byLevel = new Map<string, Node>();
  /** By rising ordinal; of one that was removed its ordinal stays, until they are half of all. */
  #inOrder: (Node | number)[] = [];
  #lastOrdinal = 0;

  get size(): number {
    return this.#byLevel.size;
  }

  get(level: string): Node | undefined {
    return this.#byLevel.get(level);
  }

  /** Adds what `make` gives for a level that is not there. */
  add(make: (ordinal: number) => Node): Node {
    const node = make(++this.#lastOrdinal);
    this.#byLevel.set(node.level, node);
    this.#inOrder.push(node);
    return node;
  }

  delete({ level, ordinal }: Node): void {
    if (!this.#byLevel.delete(level)) return;
    this.#inOrder[this.#indexAfter(ordinal - 1)] = ordinal;
    if (this.#inOrder.length > 2 * this.size) this.#inOrder = this.#inOrder.filter(isNode);
  }

  /** The first that came after the one with this ordinal, which need not be there any more; 0 is before all. */
  after(ordinal: number): Node | undefined {
    for (let index = this.#indexAfter(ordinal); index < this.#inOrder.length; index++) {
      const entry = this.#inOrder[index]!;
      if (isNode(entry)) return entry;
    }
    return undefined;
  }

  #indexAfter(ordinal: number): number {
    let [low, high] = [0, this.#inOrder.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordinalOf(this.#inOrder[middle]!) <= ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isNode<Node extends Sibling>(entry: Node | number): entry is Node {
  return typeof entry !== 'number';
}

function ordinalOf(entry: Sibling | number): number {
  return typeof entry === 'number' ? entry : entry.ordinal;
}
