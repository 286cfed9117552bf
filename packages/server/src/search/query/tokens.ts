import { queryInvalid } from '../errors.ts';
import type { Operator } from './query.ts';

export type Token =
  | { readonly kind: 'word' | 'quoted'; readonly text: string; readonly position: number }
  | { readonly kind: 'operator'; readonly text: Operator; readonly position: number }
  | { readonly kind: '(' | ')' | 'end'; readonly position: number };

const space = /\s*/y;
const operator = /<=|>=|[:<>]/y;
const word = /[^\s()"\\:<>]+/y;
/** After an operator: names of things may hold a `:`. */
const valueWord = /[^\s()"\\<>]+/y;
const quoted = /"(?:[^"\\]|\\["\\])*"/y;

/** Splits a query into its words; the last token is the end. Throws `search.query_invalid` with the place. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const isValue = tokens.at(-1)?.kind === 'operator';
    const { token, length } = isValue ? readValue(text, at) : readToken(text, at);
    tokens.push(token);
    at += length;
  }
  return [...tokens, { kind: 'end', position: text.length + 1 }];
}

function skipSpace(text: string, at: number): number {
  return at + (matchAt(space, text, at)?.length ?? 0);
}

interface Read {
  readonly token: Token;
  readonly length: number;
}

function readValue(text: string, at: number): Read {
  const found = matchAt(valueWord, text, at);
  if (found === undefined) return readToken(text, at);
  return { token: { kind: 'word', text: found, position: at + 1 }, length: found.length };
}

function readToken(text: string, at: number): Read {
  const position = at + 1;
  const first = text[at]!;
  if (first === '(' || first === ')') return { token: { kind: first, position }, length: 1 };
  if (first === '"') return readQuoted(text, at);
  const sign = matchAt(operator, text, at);
  if (sign !== undefined)
    return { token: { kind: 'operator', text: sign as Operator, position }, length: sign.length };
  const found = matchAt(word, text, at);
  if (found === undefined) throw queryInvalid(position, `\`${first}\` may only stand in quotes`);
  return { token: { kind: 'word', text: found, position }, length: found.length };
}

function readQuoted(text: string, at: number): Read {
  const found = matchAt(quoted, text, at);
  if (found === undefined)
    throw queryInvalid(at + 1, 'this quote has no end; inside, `\\"` is a quote and `\\\\` a backslash');
  const inner = found.slice(1, -1).replace(/\\(["\\])/g, '$1');
  return { token: { kind: 'quoted', text: inner, position: at + 1 }, length: found.length };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
