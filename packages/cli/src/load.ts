import type { Command } from 'commander';
import type { Shell } from './shell.ts';

/** Adds commands below the program or a noun. */
export type AddCommands = (parent: Command, shell: Shell) => void;

/** The words of the command line; without them everything is meant, as for completions and the reference. */
export type Words = readonly string[] | undefined;

/** A noun whose verbs are loaded when it is on the command line. */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  readonly load: (words: Words) => Promise<AddCommands>;
}

/** Each verb of a noun with what loads it, in the order of the help. */
export type Verbs = Readonly<Record<string, () => Promise<AddCommands>>>;

/** Whether a command of this name can run: then the name itself is one of the words. */
export function isNamed(name: string, words: Words): boolean {
  return words === undefined || words.includes(name);
}

/** Loads the verbs that are named; all, when none is: the help lists them, and an unknown one is told what is near. */
export async function loadVerbs(verbs: Verbs, words: Words): Promise<AddCommands> {
  const named = Object.keys(verbs).filter((name) => isNamed(name, words));
  const wanted = named.length === 0 || isNamed('help', words) ? Object.keys(verbs) : named;
  const adders = await Promise.all(wanted.map((name) => verbs[name]?.()));
  return (noun, shell) => {
    for (const add of adders) add?.(noun, shell);
  };
}
