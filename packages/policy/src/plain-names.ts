import type { Glob } from './glob.ts';
import { TextTrie } from './text-trie.ts';

/** Matches a name against many patterns at once: literal ones in a hash set, the others in a trie by the text they begin with. */
export class PlainNames {
  readonly #literals = new Set<string>();
  readonly #globs = new TextTrie<Glob>();
  #hasLiterals = false;
  #hasGlobs = false;

  get isEmpty(): boolean {
    return !this.#hasLiterals && !this.#hasGlobs;
  }

  add(glob: Glob): void {
    if (glob.literal !== undefined) {
      this.#literals.add(glob.literal);
      this.#hasLiterals = true;
      return;
    }
    this.#globs.add(glob.lead, glob);
    this.#hasGlobs = true;
  }

  matches(name: string): boolean {
    if (this.#hasLiterals && this.#literals.has(name)) return true;
    return this.#hasGlobs && this.#matchesGlob(name);
  }

  #matchesGlob(name: string): boolean {
    for (let node: TextTrie<Glob> | undefined = this.#globs; node !== undefined; node = node.next(name)) {
      const { items } = node;
      for (let at = 0; at < items.length; at++) if (items[at]!.matches(name)) return true;
    }
    return false;
  }
}
