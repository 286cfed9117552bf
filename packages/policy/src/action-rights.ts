import type { AttachedPolicy } from './attached-policy.ts';
import { evaluateCondition, holds } from './conditions.ts';
import { type PrincipalContext, substitutedText } from './context.ts';
import type { Condition, PolicyBinding, ResourceEntry } from './document.ts';
import type { ActionIndex, GuardedEntry, SideIndex } from './document-index.ts';
import { type EntryForm, globsAfter, type IndexedEntry, type IndexedStatement } from './indexed-statement.ts';
import { NameMatcher } from './name-matcher.ts';
import type { StatementRef } from './statement-ref.ts';
import { substitute } from './substitute.ts';
import type { TextTrie } from './text-trie.ts';

/** One policy of one principal. */
export interface PrincipalPolicy {
  readonly policy: AttachedPolicy;
  readonly context: PrincipalContext;
  readonly binding: PolicyBinding;
}

/**
 * What one policy says of one principal about one action. A statement is looked at when a name could be its own, and what is
 * found out about it (variables substituted, conditions decided) is kept for as long as the principal lives.
 */
export class ActionRights {
  readonly of: PrincipalPolicy;
  readonly #index: ActionIndex;
  readonly hasDeny: boolean;
  readonly hasAllow: boolean;
  /** By the entry's id. */
  readonly #matchers: (NameMatcher | undefined)[] = [];
  /** By the statement's position in the document. */
  readonly #steady: (boolean | undefined)[] = [];

  constructor(of: PrincipalPolicy, index: ActionIndex) {
    this.of = of;
    this.#index = index;
    this.hasDeny = !index.deny.isEmpty;
    // A group's Allows need an associated thing (AWS IoT, thing groups).
    this.hasAllow =
      !index.allow.isEmpty && (of.policy.via === 'certificate' || of.context.thing !== undefined);
  }

  /** Whether an Allow matches. */
  allows(name: string, nowMs: number | undefined): boolean {
    return this.hasAllow && this.#matchesSide(this.#index.allow, name, nowMs);
  }

  /** Whether a Deny matches. */
  denies(name: string, nowMs: number | undefined): boolean {
    return this.hasDeny && this.#matchesSide(this.#index.deny, name, nowMs);
  }

  /** The statements that count for this principal, in the document's order. */
  get statements(): readonly IndexedStatement[] {
    const { statements } = this.#index;
    return this.hasAllow ? statements : statements.filter(({ statement }) => statement.effect === 'Deny');
  }

  /** Whether the statement is about that resource, conditions aside. */
  matchesScope(indexed: IndexedStatement, name: string): boolean {
    const isListed = indexed.entries.some((entry) => this.matchesEntry(indexed, entry, name));
    return isListed === (indexed.statement.scope.kind === 'only');
  }

  matchesEntry(statement: IndexedStatement, entry: IndexedEntry, name: string): boolean {
    return this.#matcher({ statement, entry }).matches(name);
  }

  /** Whether the statement's conditions hold and, in an Allow, every variable has a value. */
  applies(indexed: IndexedStatement, nowMs: number | undefined): boolean {
    if (!this.#isSteady(indexed)) return false;
    return indexed.timeConditions.length === 0 || this.#hold(indexed, indexed.timeConditions, nowMs);
  }

  /** The entries about this platform's resources: one of another region or account says nothing about them. */
  entriesOf({ entries }: IndexedStatement): readonly IndexedEntry[] {
    return entries.filter(({ entry }) => isHere(entry, this.of.binding));
  }

  unresolvedIn({ variables }: Pick<IndexedEntry, 'variables'>): readonly string[] {
    return variables
      .filter((variable) => substitutedText(variable, this.of.context) === undefined)
      .map(({ name }) => name);
  }

  refOf({ statement: { index, sid, effect } }: IndexedStatement): StatementRef {
    const { name, versionId, via, groupName } = this.of.policy;
    return {
      policyName: name,
      versionId,
      index,
      ...(sid === undefined ? {} : { sid }),
      effect,
      via,
      ...(groupName === undefined ? {} : { groupName }),
    };
  }

  #matchesSide(side: SideIndex, name: string, nowMs: number | undefined): boolean {
    if (side.hasPlain && side.plain.matches(name)) return true;
    if (side.hasGuarded && this.#matchesGuarded(side.guarded, name, nowMs)) return true;
    const { exceptions } = side;
    for (let at = 0; at < exceptions.length; at++) {
      const indexed = exceptions[at]!;
      if (this.matchesScope(indexed, name) && this.applies(indexed, nowMs)) return true;
    }
    return false;
  }

  #matchesGuarded(root: TextTrie<GuardedEntry>, name: string, nowMs: number | undefined): boolean {
    for (let node: TextTrie<GuardedEntry> | undefined = root; node !== undefined; node = node.next(name)) {
      const { items } = node;
      for (let at = 0; at < items.length; at++) {
        const guarded = items[at]!;
        if (this.#matcher(guarded).matches(name) && this.applies(guarded.statement, nowMs)) return true;
      }
    }
    return false;
  }

  #matcher(guarded: GuardedEntry): NameMatcher {
    const { id } = guarded.entry;
    const known = this.#matchers[id];
    if (known !== undefined) return known;
    const matcher = this.#makeMatcher(guarded);
    this.#matchers[id] = matcher;
    return matcher;
  }

  #makeMatcher({ statement: { statement }, entry: { entry, form } }: GuardedEntry): NameMatcher {
    const { binding, context } = this.of;
    if (!isHere(entry, binding)) return NameMatcher.never;
    if (form.kind === 'fixed') return NameMatcher.anyOf(form.globs);
    const text = form.kind === 'text' ? textMatcher(form, context) : undefined;
    if (text !== undefined) return text;
    const { kind, parts } = substitute(entry.tail, context);
    // An unresolved exception of a Deny excludes nothing; an unresolved resource of a Deny stands for `*`.
    if (kind === 'unresolved' && statement.scope.kind === 'except') return NameMatcher.never;
    return NameMatcher.anyOf(globsAfter(parts, form.prefix));
  }

  #isSteady(indexed: IndexedStatement): boolean {
    const known = this.#steady[indexed.statement.index];
    if (known !== undefined) return known;
    const isSteady = this.#isResolved(indexed) && this.#hold(indexed, indexed.conditions, undefined);
    this.#steady[indexed.statement.index] = isSteady;
    return isSteady;
  }

  /** One variable without a value makes a whole Allow not match; a Deny fails closed instead. */
  #isResolved(indexed: IndexedStatement): boolean {
    if (indexed.statement.effect === 'Deny') return true;
    return indexed.entries.every(
      (entry) => !isHere(entry.entry, this.of.binding) || this.unresolvedIn(entry).length === 0,
    );
  }

  #hold(
    { statement }: IndexedStatement,
    conditions: readonly Condition[],
    nowMs: number | undefined,
  ): boolean {
    const request = { context: this.of.context, binding: this.of.binding, nowMs };
    return conditions.every((condition) => holds(statement.effect, evaluateCondition(condition, request)));
  }
}

/** An entry of another region or account says nothing about this platform's resources. */
function isHere({ region, accountId }: ResourceEntry, binding: PolicyBinding): boolean {
  return (
    (region === '*' || region === binding.region) && (accountId === '*' || accountId === binding.accountId)
  );
}

/** Nothing when a variable has no value. */
function textMatcher(
  { tokens, isOpen }: Extract<EntryForm, { readonly kind: 'text' }>,
  context: PrincipalContext,
): NameMatcher | undefined {
  const pieces: string[] = [];
  for (const token of tokens) {
    const piece =
      token.kind === 'text'
        ? token.text
        : token.kind === 'variable' && substitutedText(token.variable, context);
    if (typeof piece !== 'string') return undefined;
    pieces.push(piece);
  }
  // Joined, not added up: what `+` makes is a tree that is compared several times slower.
  const text = pieces.join('');
  return isOpen ? NameMatcher.beginningWith(text) : NameMatcher.exactly(text);
}
