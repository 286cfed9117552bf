import type { PolicyAction } from './actions.ts';
import { COMPATIBILITY, type Compatibility } from './compatibility.ts';
import type { PolicyDocument } from './document.ts';
import { type IndexedEntry, type IndexedStatement, indexStatement } from './indexed-statement.ts';
import { PlainNames } from './plain-names.ts';
import { TextTrie } from './text-trie.ts';
import { isTimeKey } from './variables.ts';

/** A document's statements about one action. */
export interface ActionIndex {
  readonly statements: readonly IndexedStatement[];
  readonly allow: SideIndex;
  readonly deny: SideIndex;
}

/** The statements of one effect about one action, by what has to be looked at to decide them. */
export interface SideIndex {
  readonly isEmpty: boolean;
  readonly hasPlain: boolean;
  readonly hasGuarded: boolean;
  /** Names listed without variables by statements without conditions: the same for every principal. */
  readonly plain: PlainNames;
  /** All other listed names, by the text they begin with. */
  readonly guarded: TextTrie<GuardedEntry>;
  /** Statements with `NotResource`. */
  readonly exceptions: readonly IndexedStatement[];
}

export interface GuardedEntry {
  readonly statement: IndexedStatement;
  readonly entry: IndexedEntry;
}

/** A document taken apart, an action at a time when it is first asked about; shared by all principals that have the policy. */
export class DocumentIndex {
  readonly dependsOnTime: boolean;
  readonly #document: PolicyDocument;
  readonly #compatibility: Compatibility;
  readonly #actions = new Map<PolicyAction, ActionIndex>();

  constructor(document: PolicyDocument, compatibility: Compatibility) {
    this.#document = document;
    this.#compatibility = compatibility;
    this.dependsOnTime = document.statements.some(({ conditions }) =>
      conditions.some(({ key }) => isTimeKey(key)),
    );
  }

  forAction(action: PolicyAction): ActionIndex {
    const known = this.#actions.get(action);
    if (known !== undefined) return known;
    const index = this.#index(action);
    this.#actions.set(action, index);
    return index;
  }

  #index(action: PolicyAction): ActionIndex {
    let ids = 0;
    const indexing = { action, compatibility: this.#compatibility, nextId: () => ids++ };
    const statements = this.#document.statements
      .filter(({ actions }) => actions.includes(action))
      .map((statement) => indexStatement(statement, indexing));
    const sideOf = (effect: 'Allow' | 'Deny') =>
      indexSide(
        statements.filter(({ statement }) => statement.effect === effect),
        this.#document,
      );
    return { statements, allow: sideOf('Allow'), deny: sideOf('Deny') };
  }
}

function indexSide(statements: readonly IndexedStatement[], { binding }: PolicyDocument): SideIndex {
  const plain = new PlainNames();
  const guarded = new TextTrie<GuardedEntry>();
  for (const statement of statements.filter((candidate) => candidate.statement.scope.kind === 'only')) {
    for (const entry of statement.entries) {
      const { form } = entry;
      const isEverywhere = entry.entry.region === '*' && entry.entry.accountId === '*';
      const isPlain = statement.isPlain && (binding !== 'unbound' || isEverywhere);
      if (form.kind !== 'fixed') guarded.add(form.lead, { statement, entry });
      else if (isPlain) for (const glob of form.globs) plain.add(glob);
      else addFixed(guarded, { statement, entry, leads: form.globs.map(({ lead }) => lead) });
    }
  }
  const exceptions = statements.filter(({ statement }) => statement.scope.kind === 'except');
  return {
    isEmpty: statements.length === 0,
    hasPlain: !plain.isEmpty,
    hasGuarded: !guarded.isEmpty,
    plain,
    guarded,
    exceptions,
  };
}

/** Under each text that one of its patterns begins with, once. */
function addFixed(
  guarded: TextTrie<GuardedEntry>,
  { leads, ...item }: GuardedEntry & { readonly leads: readonly string[] },
): void {
  for (const lead of new Set(leads)) guarded.add(lead, item);
}

const indexes = new WeakMap<PolicyDocument, DocumentIndex>();

/** The document's index, made once for as long as the document lives. */
export function indexOf(document: PolicyDocument, compatibility: Compatibility): DocumentIndex {
  if (compatibility !== COMPATIBILITY) return new DocumentIndex(document, compatibility);
  const known = indexes.get(document);
  if (known !== undefined) return known;
  const index = new DocumentIndex(document, compatibility);
  indexes.set(document, index);
  return index;
}
