import { type PolicyAction, type ResourceType, resourceTypeOf } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import type { StateBudget } from '../language/budget.ts';
import { Machine } from '../language/machine.ts';
import { afterPrefixTokens, type Pattern, patternOf } from '../language/pattern.ts';
import type { Symbols } from '../language/symbols.ts';
import type { Token } from '../template.ts';
import { type Clause, clausesAbout, entriesHere } from './clauses.ts';
import { isWithinLevel } from './ranges.ts';
import type { VariableState } from './worlds.ts';

/** A clause as a row of a machine: which of its patterns say that one of its entries matches. */
interface Row {
  readonly clause: Clause;
  readonly scope: 'only' | 'except';
  /** Patterns that match when an entry does and only then, and those that may match too often. */
  readonly exact: readonly number[];
  readonly loose: readonly number[];
  /**
   * Patterns with `*` for each variable that may reach beyond one level. Where two patterns of one machine have to match,
   * spans of one such variable could overlap and be marked for one of them only: the other one then counts as this.
   */
  readonly wide: readonly Wide[];
}

interface Wide {
  readonly pattern: number;
  /** The pattern that this one is a wider form of. */
  readonly of: number;
}

/** The resources of one action, for one choice of what variables are. */
export interface Role {
  readonly action: PolicyAction;
  readonly type: ResourceType;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  /** Every pattern as it went into the machine, for finding texts that it tells apart. */
  readonly patterns: readonly Pattern[];
  readonly hasLoose: boolean;
}

export interface RoleOptions {
  readonly clauses: readonly Clause[];
  readonly action: PolicyAction;
  readonly binding: PolicyBinding;
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  readonly variables: ReadonlyMap<string, VariableState>;
  /** What a variable is called: the same for those that always have the same value. */
  readonly nameOf: (name: string) => string;
}

export function roleOf(options: RoleOptions): Role {
  const type = resourceTypeOf(options.action);
  const numbers = new Map<string, number>();
  const patterns: Pattern[] = [];
  // Equal patterns are one: what is known of one of them is known of all.
  const add = (tokens: readonly Token[]): number => {
    const pattern = toPattern(tokens, type, options);
    const key = JSON.stringify(pattern);
    const number = numbers.get(key) ?? patterns.push(pattern) - 1;
    numbers.set(key, number);
    return number;
  };
  const rows = clausesAbout(options.clauses, options.action).flatMap((clause): Row[] => {
    const entries = resolvedEntries(clause, options);
    if (entries === undefined) return [];
    const tails = entries.map((tokens) => afterPrefixTokens(tokens, type === 'none' ? '' : `${type}/`));
    const exact = tails.flatMap((tail) => tail.exact).map(add);
    const loose = tails.flatMap((tail) => tail.loose).map(add);
    const isWide = (tokens: readonly Token[]) => !isWithinLevels(tokens);
    const wide = tails
      .flatMap((tail) => tail.exact.filter(isWide))
      .map((tokens): Wide => ({ pattern: add(withStars(tokens)), of: add(tokens) }));
    return [{ clause, scope: clause.statement.scope.kind, exact, loose, wide }];
  });
  const machine = new Machine(patterns, options.budget);
  return {
    action: options.action,
    type,
    machine,
    rows,
    patterns,
    hasLoose: rows.some(({ loose }) => loose.length > 0),
  };
}

/** The entries with what is known of variables put in; nothing for an Allow that cannot match for want of a value. */
function resolvedEntries(
  clause: Clause,
  { binding, variables }: RoleOptions,
): readonly (readonly Token[])[] | undefined {
  const entries = entriesHere(clause, binding).map(({ tail }) => tail);
  const isUnresolved = (tokens: readonly Token[]) =>
    tokens.some(
      (token) => token.kind === 'variable' && variables.get(token.variable.name)?.kind === 'unresolved',
    );
  if (clause.isAllow && entries.some(isUnresolved)) return undefined;
  // An unresolved exception of a Deny excludes nothing; an unresolved resource of a Deny stands for `*`.
  const kept =
    clause.statement.scope.kind === 'except' ? entries.filter((tokens) => !isUnresolved(tokens)) : entries;
  return kept.map((tokens) => tokens.map((token) => resolvedToken(token, variables)));
}

function resolvedToken(token: Token, variables: ReadonlyMap<string, VariableState>): Token {
  if (token.kind !== 'variable') return token;
  const state = variables.get(token.variable.name);
  if (state?.kind === 'unresolved') return { kind: 'star' };
  return state?.kind === 'text' ? { kind: 'text', text: state.text } : token;
}

/** A connection's client id is the name it asks for: a resource that is the client id matches every name. */
function toPattern(
  tokens: readonly Token[],
  type: ResourceType,
  { action, symbols, nameOf }: RoleOptions,
): Pattern {
  const pattern = patternOf(tokens, symbols, nameOf);
  const [only] = pattern;
  const isOwnName =
    only?.kind === 'variable' && pattern.length === 1 && only.variable === nameOf('iot:ClientId');
  return action === 'iot:Connect' && type === 'client' && isOwnName ? [{ kind: 'star' }] : pattern;
}

function withStars(tokens: readonly Token[]): readonly Token[] {
  return tokens.map((token) => (token.kind === 'variable' ? { kind: 'star' } : token));
}

/** Whether each variable fills a level, and cannot be more than one. */
export function isWithinLevels(tokens: readonly Token[]): boolean {
  return tokens.every((token, at) => {
    if (token.kind !== 'variable') return true;
    const [before, after] = [tokens[at - 1], tokens[at + 1]];
    const isBegun = before === undefined || (before.kind === 'text' && before.text.endsWith('/'));
    const isEnded = after === undefined || (after.kind === 'text' && after.text.startsWith('/'));
    return isBegun && isEnded && isWithinLevel(token.variable);
  });
}

function isAny(patterns: readonly number[], accepted: Uint8Array): boolean {
  return patterns.some((pattern) => accepted[pattern] === 1);
}

/** Whether the clause may match a text that is marked for it. */
function mayMatchMarked({ scope, exact, loose }: Row, accepted: Uint8Array): boolean {
  return scope === 'except' ? !isAny(exact, accepted) : isAny(exact, accepted) || isAny(loose, accepted);
}

/** Patterns that are known not to match, whatever the marks say. */
type RuledOut = ReadonlySet<number>;

function isAnyWide({ wide }: Row, accepted: Uint8Array, ruledOut: RuledOut): boolean {
  return wide.some(({ pattern, of }) => accepted[pattern] === 1 && !ruledOut.has(of));
}

/** Whether the clause may match a text that is marked for another one. */
function mayMatchToo(row: Row, accepted: Uint8Array, ruledOut: RuledOut): boolean {
  return mayMatchMarked(row, accepted) || (row.scope === 'only' && isAnyWide(row, accepted, ruledOut));
}

/** Whether the clause matches every text that is marked like this. */
function mustMatch(row: Row, accepted: Uint8Array, ruledOut: RuledOut): boolean {
  if (row.scope === 'only') return isAny(row.exact, accepted);
  return !isAny(row.exact, accepted) && !isAny(row.loose, accepted) && !isAnyWide(row, accepted, ruledOut);
}

/** Which clauses matter: those of one set whose conditions hold, perhaps without one of them. */
export interface Selection {
  readonly set: number;
  readonly alive: Uint8Array;
  readonly without?: number | undefined;
}

function selected({ rows }: Role, { set, alive, without }: Selection): readonly Row[] {
  return rows.filter(({ clause }) => clause.set === set && alive[clause.id] === 1 && clause.id !== without);
}

/**
 * For each clause that may allow a text with these marks, what is then known not to match: the exceptions of that clause
 * and the resources of every Deny. Empty when the set refuses the text.
 */
export function waysToAllow(role: Role, accepted: Uint8Array, selection: Selection): readonly RuledOut[] {
  const rows = selected(role, selection);
  const denied = new Set(
    rows.flatMap((row) => (row.clause.isAllow || row.scope === 'except' ? [] : row.exact)),
  );
  if (rows.some((row) => !row.clause.isAllow && mustMatch(row, accepted, denied))) return [];
  return rows
    .filter((row) => row.clause.isAllow && mayMatchMarked(row, accepted))
    .map((row) => (row.scope === 'except' ? new Set([...denied, ...row.exact]) : denied));
}

/** Whether the set may allow a text with these marks. */
export function mayAllow(role: Role, accepted: Uint8Array, selection: Selection): boolean {
  return waysToAllow(role, accepted, selection).length > 0;
}

/** Whether some Allow may match, and whether some Deny surely does: for a name that is decided under two texts. */
export function sidesOf(
  role: Role,
  accepted: Uint8Array,
  selection: Selection,
): { readonly mayAllow: boolean; readonly mustDeny: boolean } {
  const rows = selected(role, selection);
  const denied = new Set(
    rows.flatMap((row) => (row.clause.isAllow || row.scope === 'except' ? [] : row.exact)),
  );
  return {
    mayAllow: rows.some((row) => row.clause.isAllow && mayMatchMarked(row, accepted)),
    mustDeny: rows.some((row) => !row.clause.isAllow && mustMatch(row, accepted, denied)),
  };
}

/** Whether the set may refuse a text with these marks. */
export function mayRefuse(
  role: Role,
  accepted: Uint8Array,
  selection: Selection & { readonly ruledOut: RuledOut },
): boolean {
  const rows = selected(role, selection);
  const { ruledOut } = selection;
  if (rows.some((row) => !row.clause.isAllow && mayMatchToo(row, accepted, ruledOut))) return true;
  return !rows.some((row) => row.clause.isAllow && mustMatch(row, accepted, ruledOut));
}

/** Whether this clause may match. */
export function mayMatch(
  { rows }: Role,
  accepted: Uint8Array,
  { id, ruledOut }: { readonly id: number; readonly ruledOut: RuledOut },
): boolean {
  return rows.some((row) => row.clause.id === id && mayMatchToo(row, accepted, ruledOut));
}

/** Whether this clause matches every text that is marked like this. */
export function doesMatch({ rows }: Role, accepted: Uint8Array, id: number): boolean {
  return rows.some((row) => row.clause.id === id && mustMatch(row, accepted, new Set()));
}

/** Whether no continuation of the text can match any Allow, or with `wantsDenies` any clause. */
export function isHopeless({ rows, machine }: Role, state: number, wantsDenies: boolean): boolean {
  const alive = machine.alive(state);
  return !rows.some(
    ({ clause, scope, exact, loose }) =>
      (clause.isAllow || wantsDenies) &&
      (scope === 'except' || [...exact, ...loose].some((pattern) => alive[pattern] === 1)),
  );
}
