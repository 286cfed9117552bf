import { type PolicyAction, resourceTypeOf } from '../actions.ts';
import type { PolicyStatement, ResourceEntry } from '../document.ts';
import type { LintFinding, LintRule } from './finding.ts';
import { widestPatterns } from './patterns.ts';

/**
 * A resource that is of the right kind and that no name matches, such as a topic with `#` in it. What a Deny of that kind means is
 * said by `mqtt-wildcard-in-deny`, and statements that match nothing at all for other reasons by the rules beside this one.
 */
export const unmatchableName: LintRule = ({ statements }, automata) => {
  const asked = statements.flatMap((statement) =>
    statement.scope.kind === 'only' ? statement.scope.entries.map((entry) => splitOff(statement, entry)) : [],
  );
  const worth = asked.filter(({ entry, alone }) => alone.actions.length > 0 && hasOddName(entry));
  const unmatchable = automata.areUnmatchable(worth.map(({ alone }) => alone));
  return worth.filter((_, at) => unmatchable[at]).map(({ entry, alone }) => findingOf(entry, alone));
};

/** The entry as a statement of its own, about the actions that it can be a resource of; conditions are left to other rules. */
function splitOff(statement: PolicyStatement, entry: ResourceEntry) {
  const isNamed = (action: PolicyAction) =>
    resourceTypeOf(action) !== 'none' && widestPatterns(entry, action).length > 0;
  const actions = statement.actions.filter(isNamed);
  const alone: PolicyStatement = {
    ...statement,
    actions,
    conditions: [],
    scope: { kind: 'only', entries: [entry] },
  };
  return { entry, alone };
}

/** Names without these are names of something. */
function hasOddName({ tail }: ResourceEntry): boolean {
  return tail.some((token) => token.kind === 'text' && /[+#$\0]/.test(token.text));
}

function findingOf(entry: ResourceEntry, { effect, actions }: PolicyStatement): LintFinding {
  const [action] = actions;
  return {
    id: 'unmatchable-resource',
    severity: 'warning',
    path: entry.path,
    message: `no ${nounOf(action!)} can be \`${entry.source}\`: it ${effect === 'Allow' ? 'allows' : 'denies'} nothing`,
    fix: 'write `*` where any text may stand; `+` and `#` are for filters alone, each as a whole level',
  };
}

function nounOf(action: PolicyAction): string {
  const nouns = {
    topic: 'topic',
    topicfilter: 'filter',
    client: 'client id',
    thing: 'thing',
    none: 'resource',
  };
  return nouns[resourceTypeOf(action)];
}
