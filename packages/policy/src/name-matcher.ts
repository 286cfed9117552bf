import { beginsWith } from './begins-with.ts';
import type { Glob } from './glob.ts';

/**
 * Says whether a resource's name is meant. One class with a switch in it, not several behind an interface: what asks on every
 * packet then has one shape to call.
 */
export class NameMatcher {
  static readonly never = new NameMatcher('globs', '', []);

  readonly #kind: 'exact' | 'beginning' | 'globs';
  readonly #text: string;
  readonly #globs: readonly Glob[];

  private constructor(kind: 'exact' | 'beginning' | 'globs', text: string, globs: readonly Glob[]) {
    this.#kind = kind;
    this.#text = text;
    this.#globs = globs;
  }

  /** One text and no other. */
  static exactly(text: string): NameMatcher {
    return new NameMatcher('exact', text, []);
  }

  /** A text and whatever follows it. */
  static beginningWith(text: string): NameMatcher {
    return new NameMatcher('beginning', text, []);
  }

  /** Several patterns, of which one is enough. */
  static anyOf(globs: readonly Glob[]): NameMatcher {
    return globs.length === 0 ? NameMatcher.never : new NameMatcher('globs', '', globs);
  }

  matches(name: string): boolean {
    if (this.#kind === 'exact') return name === this.#text;
    if (this.#kind === 'beginning') return beginsWith(name, this.#text);
    const globs = this.#globs;
    for (let at = 0; at < globs.length; at++) if (globs[at]!.matches(name)) return true;
    return false;
  }
}
