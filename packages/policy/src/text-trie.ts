/**
 * Texts that a name may begin with, as a radix trie: from the root, `next` leads through every one that the name does begin
 * with, shortest first. A walk looks at each character of the name at most once and allocates nothing.
 */
export class TextTrie<Item> {
  readonly #edge: string;
  /** Characters from the root to the end of this node. */
  readonly #depth: number;
  #items: Item[];
  #children = new Map<number, TextTrie<Item>>();

  constructor(edge = '', depth = 0, items: Item[] = []) {
    this.#edge = edge;
    this.#depth = depth;
    this.#items = items;
  }

  /** What was added under the text of this node. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** The longer text that the name begins with, if there is one. */
  next(name: string): TextTrie<Item> | undefined {
    const child = this.#children.get(name.charCodeAt(this.#depth));
    if (child === undefined) return undefined;
    return child.#goesOn(name) ? child : undefined;
  }

  /** Whether the rest of the edge stands in the name too; a loop is faster here than `startsWith`. */
  #goesOn(name: string): boolean {
    const edge = this.#edge;
    const start = this.#depth - edge.length;
    for (let at = 1; at < edge.length; at++)
      if (name.charCodeAt(start + at) !== edge.charCodeAt(at)) return false;
    return true;
  }

  add(text: string, item: Item): void {
    const rest = text.slice(this.#depth);
    if (rest === '') {
      this.#items.push(item);
      return;
    }
    const child = this.#children.get(rest.charCodeAt(0));
    if (child === undefined) this.#put(new TextTrie(rest, text.length, [item]));
    else this.#put(child.#splitAfter(sharedLength(child.#edge, rest))).add(text, item);
  }

  #put(child: TextTrie<Item>): TextTrie<Item> {
    this.#children.set(child.#edge.charCodeAt(0), child);
    return child;
  }

  /** The node itself, or a new one for the first `length` characters of its edge with this one below. */
  #splitAfter(length: number): TextTrie<Item> {
    if (length === this.#edge.length) return this;
    const rest = this.#edge.length - length;
    const upper = new TextTrie<Item>(this.#edge.slice(0, length), this.#depth - rest);
    const lower = new TextTrie(this.#edge.slice(length), this.#depth, this.#items);
    lower.#children = this.#children;
    upper.#put(lower);
    return upper;
  }
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
