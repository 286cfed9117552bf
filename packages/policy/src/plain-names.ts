import type { Glob } from './glob.ts';
import { TextTrie } from './text-trie.ts';

/** Matches a name against many patterns at once: literal ones in a hash set, the others in a trie by the text they begin with. */
export class PlainNames {
  readonly #literals = new Set<string>();
  readonly #globs = new TextTrie<Glob>();

  add(glob: Glob): void {
    if (glob.literal === undefined) this.#globs.add(glob.lead, glob);
    else this.#literals.add(glob.literal);
  }

  matches(name: string): boolean {
    if (this.#literals.size > 0 && this.#literals.has(name)) return true;
    for (let node: TextTrie<Glob> | undefined = this.#globs; node !== undefined; node = node.next(name))
      for (const glob of node.items) if (glob.matches(name)) return true;
    return false;
  }
}
