import type { Glob } from './glob.ts';

/** Says whether a resource's name is meant. */
export interface NameMatcher {
  matches(name: string): boolean;
}

export const NEVER: NameMatcher = { matches: () => false };

/** One text and no other. */
export class ExactName implements NameMatcher {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  matches(name: string): boolean {
    return name === this.#text;
  }
}

/** A text and whatever follows it. */
export class NameBeginning implements NameMatcher {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  matches(name: string): boolean {
    return name.startsWith(this.#text);
  }
}

/** Several patterns, of which one is enough. */
export function anyOf(globs: readonly Glob[]): NameMatcher {
  const [first, ...others] = globs;
  if (first === undefined) return NEVER;
  return others.length === 0 ? first : { matches: (name) => globs.some((glob) => glob.matches(name)) };
}
