import { usage } from '../errors.ts';

/** Of `--attribute` and `--tag`, what is to be set and what, as `null`, to be taken away. */
export function changedPairs(
  flag: string,
  {
    set = [],
    remove = [],
  }: { readonly set?: readonly string[] | undefined; readonly remove?: readonly string[] | undefined },
): Readonly<Record<string, string | null>> {
  const pairs: Record<string, string | null> = Object.fromEntries(set.map(parsePair(flag)));
  for (const name of remove) pairs[name] = null;
  return pairs;
}

/** A change of nothing would be in the trail as one. */
export function assertSomeGiven(flags: object, example: string): void {
  if (Object.keys(flags).length === 0) throw usage('nothing to change is given', `such as \`${example}\``);
}

/** `NAME=VALUE`. */
export function parsePair(flag: string): (text: string) => readonly [string, string] {
  return (text) => {
    const at = text.indexOf('=');
    if (at < 1) throw usage(`\`${flag} ${text}\` is not \`NAME=VALUE\``);
    return [text.slice(0, at), text.slice(at + 1)];
  };
}

/** For people. */
export function pairsText(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
