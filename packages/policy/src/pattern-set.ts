import type { Glob } from './glob.ts';

/** Matches a name against many patterns at once: one hash look-up for the literal ones, then the few that are not. */
export class PatternSet {
  readonly #literals = new Set<string>();
  readonly #prefixes: string[] = [];
  readonly #globs: Glob[] = [];
  #matchesAll = false;

  add(glob: Glob): void {
    if (glob.literal !== undefined) this.#literals.add(glob.literal);
    else if (glob.prefix === '') this.#matchesAll = true;
    else if (glob.prefix !== undefined) this.#prefixes.push(glob.prefix);
    else this.#globs.push(glob);
  }

  matches(name: string): boolean {
    if (this.#matchesAll || this.#literals.has(name)) return true;
    for (const prefix of this.#prefixes) if (name.startsWith(prefix)) return true;
    for (const glob of this.#globs) if (glob.matches(name)) return true;
    return false;
  }
}
