import { type Command, InvalidArgumentError, Option } from 'commander';

/** The help of a command: one line for lists, some sentences for itself, and what people type. */
export interface HelpText {
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly string[];
}

/** Adds a noun: a command that only holds verbs. */
export function addNoun(program: Command, name: string, summary: string): Command {
  return program.command(name).summary(summary).description(summary);
}

/** Adds a verb with its help. `usage` is its name and arguments: `create <thing-name>`. */
export function addVerb(noun: Command, usage: string, help: HelpText): Command {
  const verb = noun.command(usage).summary(help.summary).description(help.description);
  examples.set(verb, help.examples);
  const lines = help.examples.map((example) => `  $ ${example}`);
  const title = lines.length === 1 ? 'Example' : 'Examples';
  return verb.addHelpText('after', `\n${title}:\n${lines.join('\n')}`);
}

const examples = new WeakMap<Command, readonly string[]>();

/** What `addVerb` was given, for the reference. */
export function examplesOf(command: Command): readonly string[] {
  return examples.get(command) ?? [];
}

/** An option that may be given several times; its value is a list. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description} (may be repeated)`).argParser<readonly string[]>(
    (value, before) => [...(before ?? []), value],
  );
}

/** An option whose value is a whole number within bounds. */
export function whole(
  flags: string,
  { description, min, max }: { readonly description: string; readonly min: number; readonly max: number },
): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  });
}

/** `--limit` of the lists. */
export function limit(): Option {
  return whole('--limit <count>', {
    description: 'how many to show at most',
    min: 1,
    max: 1_000_000,
  }).default(1_000);
}
