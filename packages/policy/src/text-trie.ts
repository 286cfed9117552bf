/** Children that are told apart by looking at each; more are looked up. */
const scannedChildrenMax = 8;

/**
 * Texts that a name may begin with, as a radix trie: from the root, `next` leads through every one that the name does begin
 * with, shortest first. Only the characters at which texts part are looked at, so it may meet some with which the name does
 * not begin: what stands under a text compares the name itself. A walk allocates nothing.
 */
export class TextTrie<Item> {
  readonly #edge: string;
  /** Characters from the root to the end of this node. */
  readonly #depth: number;
  #items: Item[];
  /** The nodes below, and in the same order the first character of each. */
  #children: TextTrie<Item>[] = [];
  #codes: number[] = [];
  /** The same by character, when they are many. */
  #byCode: Map<number, TextTrie<Item>> | undefined;

  constructor(edge = '', depth = 0, items: Item[] = []) {
    this.#edge = edge;
    this.#depth = depth;
    this.#items = items;
  }

  /** What was added under the text of this node. */
  get items(): readonly Item[] {
    return this.#items;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#codes.length === 0;
  }

  /** The node of the longer text that the name may begin with, if there is one. */
  next(name: string): TextTrie<Item> | undefined {
    if (name.length <= this.#depth) return undefined;
    return this.#childAt(name.charCodeAt(this.#depth));
  }

  #childAt(code: number): TextTrie<Item> | undefined {
    if (this.#byCode !== undefined) return this.#byCode.get(code);
    const codes = this.#codes;
    for (let at = 0; at < codes.length; at++) if (codes[at] === code) return this.#children[at];
    return undefined;
  }

  add(text: string, item: Item): void {
    const rest = text.slice(this.#depth);
    if (rest === '') {
      this.#items.push(item);
      return;
    }
    const child = this.#childAt(rest.charCodeAt(0));
    if (child === undefined) this.#put(new TextTrie(rest, text.length, [item]));
    else this.#put(child.#splitAfter(sharedLength(child.#edge, rest))).add(text, item);
  }

  /** In the place of the child with the same first character, or as one more. */
  #put(child: TextTrie<Item>): TextTrie<Item> {
    const code = child.#edge.charCodeAt(0);
    const known = this.#codes.indexOf(code);
    const at = known < 0 ? this.#codes.length : known;
    this.#codes[at] = code;
    this.#children[at] = child;
    if (this.#codes.length > scannedChildrenMax) {
      this.#byCode ??= new Map(this.#children.map((node) => [node.#edge.charCodeAt(0), node]));
      this.#byCode.set(code, child);
    }
    return child;
  }

  /** The node itself, or a new one for the first `length` characters of its edge with this one below. */
  #splitAfter(length: number): TextTrie<Item> {
    if (length === this.#edge.length) return this;
    const rest = this.#edge.length - length;
    const upper = new TextTrie<Item>(this.#edge.slice(0, length), this.#depth - rest);
    const lower = new TextTrie(this.#edge.slice(length), this.#depth, this.#items);
    lower.#children = this.#children;
    lower.#codes = this.#codes;
    lower.#byCode = this.#byCode;
    upper.#put(lower);
    return upper;
  }
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
