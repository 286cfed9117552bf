import { type PrincipalContext, substitutedText } from './context.ts';
import type { GlobPart } from './glob.ts';
import type { Token } from './template.ts';

export type Substitution =
  | { readonly kind: 'resolved'; readonly parts: readonly GlobPart[] }
  /** At least one variable has no value; in `parts` a `*` stands in its place. */
  | { readonly kind: 'unresolved'; readonly parts: readonly GlobPart[]; readonly names: readonly string[] };

/** Puts the variables' texts in; they are literal, whatever they contain. */
export function substitute(tokens: readonly Token[], context: PrincipalContext): Substitution {
  const names: string[] = [];
  const parts = tokens.map((token): GlobPart => {
    if (token.kind !== 'variable') return token;
    const text = substitutedText(token.variable, context);
    if (text !== undefined) return { kind: 'text', text };
    names.push(token.variable.name);
    return { kind: 'star' };
  });
  return names.length === 0 ? { kind: 'resolved', parts } : { kind: 'unresolved', parts, names };
}

/** The text of parts without wildcards; with wildcards, as a policy writes them. */
export function patternText(parts: readonly GlobPart[]): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : part.kind === 'star' ? '*' : '?')).join('');
}

/** A pattern as an operator reads it: variables in place, and an unresolved one by its name. */
export function shownPattern(tokens: readonly Token[], context: PrincipalContext): string {
  return tokens
    .map((token) => {
      if (token.kind !== 'variable') return patternText([token]);
      return substitutedText(token.variable, context) ?? `\${${token.variable.name}}`;
    })
    .join('');
}
