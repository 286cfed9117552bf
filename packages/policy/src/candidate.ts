import type { ActionRights } from './action-rights.ts';
import { type PolicyAction, resourceTypeOf } from './actions.ts';
import type { IndexedEntry, IndexedStatement } from './indexed-statement.ts';
import { shownPattern } from './substitute.ts';

/** One question to a compiled principal. */
export interface Question {
  readonly action: PolicyAction;
  readonly name: string;
  readonly nowMs: number | undefined;
}

/** A statement about the action of a question, with whose it is. */
export interface Candidate {
  readonly rights: ActionRights;
  readonly indexed: IndexedStatement;
}

/** The name that is matched: an action without a single resource has none. */
export function matchedName({ action, name }: Question): string {
  return resourceTypeOf(action) === 'none' ? '' : name;
}

/** The entries that have a say: an exception with a variable without a value excludes nothing. */
export function entriesInForce({ rights, indexed }: Candidate): readonly IndexedEntry[] {
  const entries = rights.entriesOf(indexed);
  if (indexed.statement.scope.kind === 'only') return entries;
  return entries.filter((entry) => rights.unresolvedIn(entry).length === 0);
}

/** `type/name` as a policy writes it, with the resolved variables in place, for people. */
export function entryText({ entry }: IndexedEntry, { rights }: Candidate): string {
  return shownPattern(entry.tail, rights.of.context);
}
