import { resourceTypeOf } from './actions.ts';
import { type Candidate, entryText, matchedName, type Question } from './candidate.ts';
import { actualValues, evaluateCondition, holds } from './conditions.ts';
import { type PrincipalContext, substitutedText } from './context.ts';
import type { NearestMiss } from './decision.ts';
import { Glob, type GlobPart } from './glob.ts';
import type { IndexedEntry } from './indexed-statement.ts';
import { variablesOf } from './statement-templates.ts';
import type { Token } from './template.ts';

interface ScoredMiss {
  readonly miss: NearestMiss;
  /** Higher is nearer. */
  readonly score: number;
}

const SCORES = { condition: 4e6, variable: 3e6, unresolved: 2e6 } as const;

/** The Allow that would have matched with the smallest change, and what that change is. */
export function nearestMiss(allows: readonly Candidate[], question: Question): NearestMiss | undefined {
  let best: ScoredMiss | undefined;
  for (const scored of allows.flatMap((candidate) => missesOf(candidate, question)))
    if (best === undefined || scored.score > best.score) best = scored;
  return best?.miss;
}

function missesOf(candidate: Candidate, question: Question): readonly ScoredMiss[] {
  const { rights, indexed } = candidate;
  const entries = rights.entriesOf(indexed);
  const isUnresolved = entries.some((entry) => rights.unresolvedIn(entry).length > 0);
  if (!isUnresolved && rights.matchesScope(indexed, matchedName(question)))
    return conditionMiss(candidate, question);
  return entries.map((entry) => entryMiss(entry, { candidate, question }));
}

function conditionMiss({ rights, indexed }: Candidate, { nowMs }: Question): readonly ScoredMiss[] {
  const request = { context: rights.of.context, binding: rights.of.binding, nowMs };
  const failed = [...indexed.conditions, ...indexed.timeConditions].find(
    (condition) => !holds('Allow', evaluateCondition(condition, request)),
  );
  if (failed === undefined) return [];
  const actual = actualValues(failed, request);
  const miss: NearestMiss = {
    kind: 'condition',
    statement: rights.refOf(indexed),
    operator: failed.operator.name,
    key: failed.key.name,
    expected: failed.values.map(({ source }) => source),
    ...(actual === undefined ? {} : { actual }),
  };
  return [{ miss, score: SCORES.condition }];
}

function entryMiss(
  entry: IndexedEntry,
  { candidate, question }: { readonly candidate: Candidate; readonly question: Question },
): ScoredMiss {
  const { rights, indexed } = candidate;
  const statement = rights.refOf(indexed);
  const pattern = entryText(entry, candidate);
  const variables = rights.unresolvedIn(entry);
  if (variables.length > 0 && rights.matchesEntry(indexed, entry, matchedName(question))) {
    return { miss: { kind: 'unresolved', statement, pattern, variables }, score: SCORES.unresolved };
  }
  const requested = `${resourceTypeOf(question.action)}/${question.name}`;
  const needed = neededValue(entry.entry.tail, requested, rights.of.context);
  if (needed !== undefined) {
    return { miss: { kind: 'variable', statement, pattern, ...needed }, score: SCORES.variable };
  }
  return { miss: { kind: 'resource', statement, pattern }, score: sharedPrefixLength(pattern, requested) };
}

/** The value that the one variable of a pattern would need to fit the request. */
function neededValue(tail: readonly Token[], requested: string, context: PrincipalContext) {
  const [variable, ...others] = variablesOf(tail);
  const actual = variable && substitutedText(variable, context);
  if (variable === undefined || others.length > 0 || actual === undefined) return undefined;
  const needed = hasWildcard(tail) ? levelAfter(tail, requested) : shareOfEach(tail, requested);
  if (needed === undefined || needed === '') return undefined;
  const parts = tail.map(
    (token): GlobPart => (token.kind === 'variable' ? { kind: 'text', text: needed } : token),
  );
  // A value with these characters would not be substituted.
  const isUsable = !/[+#*?]/.test(needed) && new Glob(parts).matches(requested);
  return isUsable ? { variable: variable.name, actual, needed } : undefined;
}

function hasWildcard(tail: readonly Token[]): boolean {
  return tail.some(({ kind }) => kind === 'star' || kind === 'one');
}

/** With wildcards: the level of the request where the variable stands, which is what policies use variables for. */
function levelAfter(tail: readonly Token[], requested: string): string | undefined {
  const before = leadingText(tail);
  if (tail[1]?.kind !== 'variable' || !requested.startsWith(before)) return undefined;
  return requested.slice(before.length).split('/', 1)[0];
}

/** Without wildcards: what is left of the request's length, shared among the places where the variable stands. */
function shareOfEach(tail: readonly Token[], requested: string): string | undefined {
  const before = leadingText(tail).length;
  const count = tail.filter(({ kind }) => kind === 'variable').length;
  const textLength = tail.reduce(
    (length, token) => length + (token.kind === 'text' ? token.text.length : 0),
    0,
  );
  const length = (requested.length - textLength) / count;
  return Number.isInteger(length) && length > 0 ? requested.slice(before, before + length) : undefined;
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
