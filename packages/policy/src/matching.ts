import { type PolicyAction, resourceTypeOf } from './actions.ts';
import type { CompiledEntry, CompiledStatement } from './compile-statement.ts';

/** One question to a compiled principal. */
export interface Question {
  readonly action: PolicyAction;
  readonly name: string;
  readonly nowMs: number | undefined;
}

/** Whether the statement is about that resource, conditions aside. */
export function matchesScope(statement: CompiledStatement, question: Question): boolean {
  const isListed = statement.entries.some((entry) => matchesEntry(entry, question));
  return isListed === (statement.scope === 'only');
}

export function matchesEntry(entry: CompiledEntry, { action, name }: Question): boolean {
  return entry.globsFor(resourceTypeOf(action)).some((glob) => glob.matches(matchedName(action, name)));
}

/** The name that is matched: an action without a single resource has none. */
function matchedName(action: PolicyAction, name: string): string {
  return resourceTypeOf(action) === 'none' ? '' : name;
}
