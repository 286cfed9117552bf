import { resourceTypeOf } from './actions.ts';
import { type CompiledEntry, type CompiledStatement, holds } from './compile-statement.ts';
import { actualValues, evaluateCondition } from './conditions.ts';
import { type PrincipalContext, substitutedText } from './context.ts';
import type { NearestMiss } from './decision.ts';
import { Glob, type GlobPart } from './glob.ts';
import { matchesEntry, matchesScope, type Question } from './matching.ts';
import { variablesOf } from './statement-templates.ts';
import type { Token } from './template.ts';
import type { Variable } from './variables.ts';

interface Candidate {
  readonly miss: NearestMiss;
  /** Higher is nearer. */
  readonly score: number;
}

const SCORES = { condition: 4e6, variable: 3e6, unresolved: 2e6 } as const;

/** The Allow that would have matched with the smallest change, and what that change is. */
export function nearestMiss(
  allows: readonly CompiledStatement[],
  question: Question,
  context: PrincipalContext,
): NearestMiss | undefined {
  const candidates = allows.flatMap((compiled) => candidatesOf(compiled, question, context));
  let best: Candidate | undefined;
  for (const candidate of candidates)
    if (best === undefined || candidate.score > best.score) best = candidate;
  return best?.miss;
}

function candidatesOf(
  compiled: CompiledStatement,
  question: Question,
  context: PrincipalContext,
): readonly Candidate[] {
  const isUnresolved = compiled.entries.some(({ unresolved }) => unresolved.length > 0);
  if (!isUnresolved && matchesScope(compiled, question)) return conditionMiss(compiled, question, context);
  return compiled.entries.map((entry) => entryMiss(compiled.ref, entry, { question, context }));
}

function conditionMiss(
  compiled: CompiledStatement,
  question: Question,
  context: PrincipalContext,
): readonly Candidate[] {
  const request = { context, binding: compiled.binding, nowMs: question.nowMs };
  const failed = compiled.statement.conditions.find(
    (condition) => !holds('Allow', evaluateCondition(condition, request)),
  );
  if (failed === undefined) return [];
  const actual = actualValues(failed, request);
  const miss: NearestMiss = {
    kind: 'condition',
    statement: compiled.ref,
    operator: failed.operator.name,
    key: failed.key.name,
    expected: failed.values.map(({ source }) => source),
    ...(actual === undefined ? {} : { actual }),
  };
  return [{ miss, score: SCORES.condition }];
}

function entryMiss(
  statement: CompiledStatement['ref'],
  entry: CompiledEntry,
  at: { readonly question: Question; readonly context: PrincipalContext },
): Candidate {
  const pattern = entry.text;
  if (entry.unresolved.length > 0 && matchesEntry(entry, at.question)) {
    const miss: NearestMiss = { kind: 'unresolved', statement, pattern, variables: entry.unresolved };
    return { miss, score: SCORES.unresolved };
  }
  const requested = `${resourceTypeOf(at.question.action)}/${at.question.name}`;
  const needed = neededValue(entry.entry.tail, requested, at.context);
  if (needed !== undefined) {
    return { miss: { kind: 'variable', statement, pattern, ...needed }, score: SCORES.variable };
  }
  return { miss: { kind: 'resource', statement, pattern }, score: sharedPrefixLength(pattern, requested) };
}

/** The value that the one variable of a pattern without wildcards would need to fit the request. */
function neededValue(tail: readonly Token[], requested: string, context: PrincipalContext) {
  const variable = onlyVariable(tail);
  const actual = variable && substitutedText(variable, context);
  if (variable === undefined || actual === undefined) return undefined;
  const before = leadingText(tail);
  const count = tail.filter(({ kind }) => kind === 'variable').length;
  const textLength = tail.reduce(
    (length, token) => length + (token.kind === 'text' ? token.text.length : 0),
    0,
  );
  const neededLength = (requested.length - textLength) / count;
  if (!Number.isInteger(neededLength) || neededLength < 1) return undefined;
  const needed = requested.slice(before.length, before.length + neededLength);
  const parts = tail.map(
    (token): GlobPart => (token.kind === 'variable' ? { kind: 'text', text: needed } : token),
  );
  // A value with these characters would not be substituted.
  const isUsable = !/[+#*?]/.test(needed) && new Glob(parts).matches(requested);
  return isUsable ? { variable: variable.name, actual, needed } : undefined;
}

function onlyVariable(tail: readonly Token[]): Variable | undefined {
  if (tail.some(({ kind }) => kind === 'star' || kind === 'one')) return undefined;
  const [variable, ...others] = variablesOf(tail);
  return others.length === 0 ? variable : undefined;
}

function leadingText(tail: readonly Token[]): string {
  const [first] = tail;
  return first?.kind === 'text' ? first.text : '';
}

function sharedPrefixLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
