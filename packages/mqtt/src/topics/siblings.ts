/** What stands among its siblings: `ordinal` is given to it there. */
interface Sibling {
  readonly level: string;
  readonly ordinal: number;
}

/** So many are found by looking at each: most nodes have one below them, and a map would take more than all of those. */
const LOOKED_AT_MAX = 8;

/**
 * Nodes below one node, by level and in the order in which they came. A place among them is a number: unlike an iterator of a
 * `Map`, which keeps every table that map has grown or shrunk out of since, it costs nothing however long somebody stays there.
 */
export class Siblings<Node extends Sibling> {
  /** Undefined while they are few. */
  #byLevel: Map<string, Node> | undefined;
  /** By rising ordinal; of one that was removed its ordinal stays, until they are half of all. */
  #inOrder: (Node | number)[] = NONE;
  #lastOrdinal = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(level: string): Node | undefined {
    if (this.#byLevel !== undefined) return this.#byLevel.get(level);
    for (const entry of this.#inOrder) if (isNode(entry) && entry.level === level) return entry;
    return undefined;
  }

  /** Adds what `make` gives for a level that is not there. */
  add(make: (ordinal: number) => Node): Node {
    const node = make(++this.#lastOrdinal);
    if (this.#inOrder === NONE) this.#inOrder = [node];
    else this.#inOrder.push(node);
    this.#size++;
    if (this.#byLevel !== undefined) this.#byLevel.set(node.level, node);
    else if (this.#size > LOOKED_AT_MAX) this.#mapLevels();
    return node;
  }

  delete(node: Node): void {
    const index = this.#indexAfter(node.ordinal - 1);
    if (this.#inOrder[index] !== node) return;
    this.#inOrder[index] = node.ordinal;
    this.#byLevel?.delete(node.level);
    this.#size--;
    if (this.#inOrder.length > 2 * this.#size) this.#inOrder = this.#inOrder.filter(isNode);
  }

  /** The first that came after the one with this ordinal, which need not be there any more; 0 is before all. */
  after(ordinal: number): Node | undefined {
    for (let index = this.#indexAfter(ordinal); index < this.#inOrder.length; index++) {
      const entry = this.#inOrder[index]!;
      if (isNode(entry)) return entry;
    }
    return undefined;
  }

  #mapLevels(): void {
    this.#byLevel = new Map(this.#inOrder.filter(isNode).map((node) => [node.level, node]));
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

// Never pushed to: the first push makes room for seventeen.
const NONE: never[] = [];

function isNode<Node extends Sibling>(entry: Node | number): entry is Node {
  return typeof entry !== 'number';
}

function ordinalOf(entry: Sibling | number): number {
  return typeof entry === 'number' ? entry : entry.ordinal;
}
