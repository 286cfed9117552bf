import { type PolicyAction, type ResourceType, resourceTypeOf } from './actions.ts';
import type { Compatibility } from './compatibility.ts';
import type { Condition, PolicyStatement, ResourceEntry } from './document.ts';
import { Glob, type GlobPart } from './glob.ts';
import { afterPrefix } from './glob-remainder.ts';
import { type Operator, parseOperator } from './operators.ts';
import { variablesOf } from './statement-templates.ts';
import type { Token } from './template.ts';
import { isTimeKey, parseVariable, type Variable } from './variables.ts';

/** A statement as it is about one action, with all that is the same for every principal worked out. */
export interface IndexedStatement {
  readonly statement: PolicyStatement;
  readonly entries: readonly IndexedEntry[];
  /** What must hold, once for a connection. */
  readonly conditions: readonly Condition[];
  /** What must hold at the time of each request. */
  readonly timeConditions: readonly Condition[];
  /** Nothing of the principal decides whether it applies; only the resource does. */
  readonly isPlain: boolean;
}

export interface IndexedEntry {
  /** Small, and unlike that of every other entry about the action in the document. */
  readonly id: number;
  readonly entry: ResourceEntry;
  readonly variables: readonly Variable[];
  readonly form: EntryForm;
}

export type EntryForm =
  /** No variable in it: these are the patterns for the name; none when the entry is about other types. */
  | { readonly kind: 'fixed'; readonly globs: readonly Glob[] }
  /** Text and variables are the name, or with `isOpen` (a final `*`) its beginning. */
  | (Place & { readonly kind: 'text'; readonly tokens: readonly Token[]; readonly isOpen: boolean })
  /** Anything else: a pattern when the variables are substituted. */
  | (Place & { readonly kind: 'pattern' });

interface Place {
  /** The text that every matching name begins with. */
  readonly lead: string;
  /** The type, which stands before the name. */
  readonly prefix: string;
}

/** What indexing shares: the action, and where ids come from. */
export interface Indexing {
  readonly action: PolicyAction;
  readonly compatibility: Compatibility;
  readonly nextId: () => number;
}

export function indexStatement(statement: PolicyStatement, indexing: Indexing): IndexedStatement {
  const entries = statement.scope.entries.map((entry) => indexEntry(entry, indexing));
  const all = [...statement.conditions, ...impliedConditions(statement, indexing)];
  const isSteady = entries.every(({ variables }) => variables.length === 0) || statement.effect === 'Deny';
  return {
    statement,
    entries,
    conditions: all.filter(({ key }) => !isTimeKey(key)),
    timeConditions: all.filter(({ key }) => isTimeKey(key)),
    // One unresolved entry makes the whole Allow not match.
    isPlain: statement.scope.kind === 'only' && all.length === 0 && isSteady,
  };
}

function indexEntry(entry: ResourceEntry, { action, nextId }: Indexing): IndexedEntry {
  const variables = variablesOf(entry.tail);
  return { id: nextId(), entry, variables, form: formOf(entry.tail, variables, resourceTypeOf(action)) };
}

function formOf(tail: readonly Token[], variables: readonly Variable[], type: ResourceType): EntryForm {
  const prefix = type === 'none' ? '' : `${type}/`;
  if (variables.length === 0) return { kind: 'fixed', globs: globsAfter(tail.filter(isGlobPart), prefix) };
  const [first, ...rest] = tail;
  // A wildcard may stand for the type: what is left for the name then depends on the variables' values.
  if (first?.kind !== 'text' || first.text.length < prefix.length)
    return { kind: 'pattern', lead: '', prefix };
  if (!first.text.startsWith(prefix)) return { kind: 'fixed', globs: [] };
  const lead = first.text.slice(prefix.length);
  const tokens: readonly Token[] = [{ kind: 'text', text: lead }, ...rest];
  const isOpen = tokens.at(-1)?.kind === 'star';
  const texts = isOpen ? tokens.slice(0, -1) : tokens;
  const isText = texts.every(({ kind }) => kind === 'text' || kind === 'variable');
  return isText ? { kind: 'text', lead, prefix, tokens: texts, isOpen } : { kind: 'pattern', lead, prefix };
}

function isGlobPart(token: Token): token is GlobPart {
  return token.kind !== 'variable';
}

/** The patterns for what follows `prefix` in a resource. */
export function globsAfter(parts: readonly GlobPart[], prefix: string): readonly Glob[] {
  return afterPrefix(parts, prefix).map((rest) => new Glob(rest));
}

const PLAIN_CONNECT: Condition = {
  path: '$',
  // Both names are ours and exist.
  operator: parseOperator('ForAllValues:StringEquals') as Operator,
  key: parseVariable('iot:ConnectAttributes') as Variable,
  values: [],
};

function impliedConditions(
  { effect, conditions }: PolicyStatement,
  { action, compatibility }: Indexing,
): readonly Condition[] {
  if (compatibility.unconditionalConnect === 'every-connect') return [];
  if (action !== 'iot:Connect' || effect === 'Deny') return [];
  return conditions.some(({ key }) => key.kind === 'connectAttributes') ? [] : [PLAIN_CONNECT];
}
