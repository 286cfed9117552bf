import { shown } from './issues.ts';
import { TEMPLATE_CHARS_MAX } from './limits.ts';
import { isConditionOnly, parseVariable, similarVariable, type Variable } from './variables.ts';

/** A piece of a resource or condition value: literal text, `*`, `?`, or a variable. */
export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'star' }
  | { readonly kind: 'one' }
  | { readonly kind: 'variable'; readonly variable: Variable };

export interface Problem {
  readonly message: string;
  readonly expected: string;
}

export type TemplateResult =
  | { readonly kind: 'template'; readonly tokens: readonly Token[] }
  | ({ readonly kind: 'problem' } & Problem);

/**
 * Reads text with variables, the escapes `$(*)`, `$(?)`, `$($)`, `${*}`, `${?}`, `${$}` and, where `wildcards` says so,
 * `*` (any run of characters) and `?` (one character). A `$` that opens neither is itself: `$aws/things/…`.
 */
export function parseTemplate(source: string, options: { readonly wildcards: boolean }): TemplateResult {
  if (source.length > TEMPLATE_CHARS_MAX) return tooLong(source.length);
  if (!source.isWellFormed()) {
    return problem('the text has half of a surrogate pair', 'well-formed Unicode text');
  }
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const step = readToken(source, at, options.wildcards);
    if (step.kind === 'problem') return step;
    appendToken(tokens, step.token);
    at += step.length;
  }
  return { kind: 'template', tokens };
}

type Step =
  | { readonly kind: 'token'; readonly token: Token; readonly length: number }
  | ({ readonly kind: 'problem' } & Problem);

const ESCAPE = /\$(?:\(([*?$])\)|\{([*?$])\})/y;
const PLAIN = /[^$*?]+/y;

function readToken(source: string, at: number, wildcards: boolean): Step {
  const plain = matchAt(PLAIN, source, at);
  if (plain !== undefined) return text(plain[0], plain[0].length);
  const escaped = matchAt(ESCAPE, source, at);
  if (escaped !== undefined) return text(escaped[1] ?? escaped[2] ?? '', escaped[0].length);
  if (source.startsWith('${', at)) return readVariable(source, at);
  if (source.startsWith('$(', at)) {
    return problem('`$(` does not open a known escape', '`$(*)`, `$(?)` or `$($)`');
  }
  const char = source[at] ?? '';
  if (wildcards && char === '*') return { kind: 'token', token: { kind: 'star' }, length: 1 };
  if (wildcards && char === '?') return { kind: 'token', token: { kind: 'one' }, length: 1 };
  return text(char, 1);
}

function readVariable(source: string, at: number): Step {
  const end = source.indexOf('}', at);
  if (end < 0) return problem('`${` is never closed', 'a variable such as `${iot:ClientId}`');
  const name = source.slice(at + 2, end);
  const variable = parseVariable(name);
  if (variable === undefined) return unknownVariable(name);
  if (isConditionOnly(variable)) {
    return problem(
      `${shown(name)} is a condition key, it has no text to insert`,
      'a variable with one value',
    );
  }
  return { kind: 'token', token: { kind: 'variable', variable }, length: end + 1 - at };
}

function unknownVariable(name: string): Step {
  const similar = similarVariable(name);
  const hint = similar === undefined ? '' : `; did you mean \`${similar}\`?`;
  return problem(`the variable ${shown(name)} is not supported${hint}`, 'a supported policy variable');
}

/** Neighbouring texts merge and `**` is `*`: one form for one meaning. */
function appendToken(tokens: Token[], token: Token): void {
  const last = tokens.at(-1);
  if (token.kind === 'star' && last?.kind === 'star') return;
  if (token.kind === 'text' && last?.kind === 'text') {
    tokens[tokens.length - 1] = { kind: 'text', text: last.text + token.text };
  } else {
    tokens.push(token);
  }
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}

function text(value: string, length: number): Step {
  return { kind: 'token', token: { kind: 'text', text: value }, length };
}

function problem(message: string, expected: string): { readonly kind: 'problem' } & Problem {
  return { kind: 'problem', message, expected };
}

function tooLong(length: number): TemplateResult {
  return problem(`the text has ${length} characters`, `at most ${TEMPLATE_CHARS_MAX} characters`);
}
