import type { Glob } from './glob.ts';
import { TextTrie } from './text-trie.ts';

/** Matches a name against many patterns at once: literal ones in a hash set, the others in a trie by the text they begin with. */
export class PlainNames {
  readonly #literals = new Set<string>();
  readonly #globs = new TextTrie<Glob>();
  #hasGlobs = false;

  add(glob: Glob): void {
    if (glob.literal !== undefined) {
      this.#literals.add(glob.literal);
      return;
    }
    this.#globs.add(glob.lead, glob);
    this.#hasGlobs = true;
  }

  matches(name: string): boolean {
    if (this.#literals.size > 0 && this.#literals.has(name)) return true;
    return this.#hasGlobs && this.#matchesGlob(name);
  }

  #matchesGlob(name: string): boolean {
    for (let node: TextTrie<Glob> | undefined = this.#globs; node !== undefined; node = node.next(name))
      for (const glob of node.items) if (glob.matches(name)) return true;
    return false;
  }
}
