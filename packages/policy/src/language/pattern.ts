import type { Token } from '../template.ts';
import type { Symbols } from './symbols.ts';

/** One step of a pattern over symbol classes; a variable is a span that is marked in the text. */
export type Glyph =
  | { readonly kind: 'symbols'; readonly symbols: readonly number[] }
  | { readonly kind: 'one' | 'star' }
  | { readonly kind: 'variable'; readonly variable: string };

export type Pattern = readonly Glyph[];

/** A pattern of tokens over an alphabet. `nameOf` says what a variable is called, so that equal ones are one. */
export function patternOf(
  tokens: readonly Token[],
  symbols: Symbols,
  nameOf: (name: string) => string = (name) => name,
): Pattern {
  return tokens.flatMap((token): Glyph[] => {
    if (token.kind === 'variable') return [{ kind: 'variable', variable: nameOf(token.variable.name) }];
    if (token.kind !== 'text') return [{ kind: token.kind }];
    return [...token.text].map((char) => ({ kind: 'symbols', symbols: [symbols.symbolOf(char)] }));
  });
}

/** The pattern of a text that ASCII letters match in either case, as `toLowerCase` has it. */
export function ignoringCase(text: string, symbols: Symbols): Pattern {
  return [...text].map((char) => {
    const forms = [char.toLowerCase(), char.toUpperCase(), ...(/k/i.test(char) ? ['\u212a'] : [])];
    return { kind: 'symbols', symbols: [...new Set(forms.map((form) => symbols.symbolOf(form)))] };
  });
}

/** What may follow a fixed beginning of a pattern with variables. */
export interface Remainders {
  readonly exact: readonly (readonly Token[])[];
  /** At least what remains where a variable would have to reach into the beginning: too much is in it. */
  readonly loose: readonly (readonly Token[])[];
}

/** As `afterPrefix` for patterns whose variables are not known yet. */
export function afterPrefixTokens(tokens: readonly Token[], prefix: string): Remainders {
  const exact = new Map<string, readonly Token[]>();
  const loose = new Map<string, readonly Token[]>();
  const seen = new Set<string>();
  const walk = (rest: readonly Token[], at: number): void => {
    const [head, ...tail] = rest;
    const place = `${rest.length} ${head?.kind === 'text' ? head.text.length : 0} ${at}`;
    if (seen.has(place)) return;
    seen.add(place);
    if (at === prefix.length) exact.set(JSON.stringify(rest), rest);
    else if (head === undefined) return;
    else if (head.kind === 'variable') {
      const open: readonly Token[] = [{ kind: 'star' }, ...tail];
      loose.set(JSON.stringify(open), open);
    } else if (head.kind === 'one') walk(tail, at + 1);
    else if (head.kind === 'star') {
      walk(rest, at + 1);
      walk(tail, at);
    } else if (head.text[0] === prefix[at]) {
      const left = head.text.slice(1);
      walk(left === '' ? tail : [{ kind: 'text', text: left }, ...tail], at + 1);
    }
  };
  walk(tokens, 0);
  return { exact: [...exact.values()], loose: [...loose.values()] };
}
