/** So many slots are searched at a time; a block that grew beyond it is cut in two. */
export const blockMax = 4_096;

interface Block {
  slots: Uint32Array;
  length: number;
}

/** The slots of all things in the byte order of their names, in blocks, so that a new name moves few of the others. */
export class NameOrder {
  readonly #names: readonly (string | undefined)[];
  readonly #blocks: Block[] = [];

  /** The names by slot, as their owner keeps them. */
  constructor(names: readonly (string | undefined)[]) {
    this.#names = names;
  }

  add(slot: number): void {
    const name = this.#names[slot]!;
    if (this.#blocks.length === 0) this.#blocks.push({ slots: new Uint32Array(blockMax), length: 0 });
    const at = this.#blockOf(name);
    const block = this.#blocks[at]!;
    const place = this.#placeIn(block, name);
    block.slots.copyWithin(place + 1, place, block.length);
    block.slots[place] = slot;
    block.length++;
    if (block.length === blockMax) this.#cut(at);
  }

  /** Before its name is forgotten. */
  remove(slot: number): void {
    const name = this.#names[slot]!;
    const at = this.#blockOf(name);
    const block = this.#blocks[at]!;
    const place = this.#placeIn(block, name);
    block.slots.copyWithin(place, place + 1, block.length);
    block.length--;
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** The slots from the first name that is not less than `name` to the end of its block, for this tick only; none at the end. */
  blockFrom(name: string): Uint32Array {
    if (this.#blocks.length === 0) return new Uint32Array(0);
    const at = this.#blockOf(name);
    const found = this.#blocks[at]!;
    const place = this.#placeIn(found, name);
    if (place < found.length) return found.slots.subarray(place, found.length);
    const next = this.#blocks[at + 1];
    return next === undefined ? new Uint32Array(0) : next.slots.subarray(0, next.length);
  }

  /** A name that comes after all is added to the last block, so that names in their order fill the blocks. */
  #cut(at: number): void {
    const { slots } = this.#blocks[at]!;
    const half = at === this.#blocks.length - 1 ? blockMax - 1 : blockMax / 2;
    const second = new Uint32Array(blockMax);
    second.set(slots.subarray(half));
    this.#blocks[at]!.length = half;
    this.#blocks.splice(at + 1, 0, { slots: second, length: blockMax - half });
  }

  /** The last block that begins at or before the name. */
  #blockOf(name: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[this.#blocks[middle]!.slots[0]!]! <= name) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The first place whose name is not less. */
  #placeIn({ slots, length }: Block, name: string): number {
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[slots[middle]!]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
