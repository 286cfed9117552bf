import { emptyRoot, nodeHash } from './merkle.ts';

/** The root over leaves that come one after the other; holds one hash a bit of their number. */
export class TreeRoot {
  // Roots of complete subtrees, the largest first: one for each bit that is set in `#size`.
  readonly #subtrees: Uint8Array[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(leaf: Uint8Array): void {
    let hash = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2)
      hash = nodeHash(this.#subtrees.pop()!, hash);
    this.#subtrees.push(hash);
    this.#size++;
  }

  root(): Uint8Array {
    const smallestFirst = this.#subtrees.toReversed();
    const [smallest, ...larger] = smallestFirst;
    if (smallest === undefined) return emptyRoot();
    return larger.reduce((right, left) => nodeHash(left, right), smallest);
  }
}
