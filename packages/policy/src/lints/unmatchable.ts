import { expandAction, NAMED_RESOURCE_TYPES, type PolicyAction, resourceTypeOf } from '../actions.ts';
import type { Condition, PolicyStatement, ResourceEntry } from '../document.ts';
import type { LintFinding, LintRule } from './finding.ts';
import { isUniversal, widestPatterns } from './patterns.ts';

/** An action whose kind of resource the statement never names: no request can match it. */
export const unmatchableAction: LintRule = ({ statements }) =>
  statements
    .filter(({ scope }) => scope.kind === 'only')
    .flatMap((statement) =>
      statement.actionSources.flatMap((source) => unmatchableAt(statement, expandAction(source))),
    );

function unmatchableAt(
  { path, scope }: PolicyStatement,
  actions: readonly PolicyAction[],
): readonly LintFinding[] {
  const [action, ...others] = actions;
  if (action === undefined || others.length > 0) return [];
  if (scope.entries.some((entry) => mayName(entry, action))) return [];
  const type = resourceTypeOf(action);
  return [
    {
      id: 'unmatchable-action',
      severity: 'warning',
      path: `${path}.Action`,
      message: `\`${action}\` is about ${type === 'none' ? 'no single resource' : `a \`${type}/\` resource`}, and this statement names none`,
      fix: type === 'none' ? 'use the resource `*`' : `add a \`${type}/…\` resource, or take the action out`,
    },
  ];
}

/** A resource that none of the statement's actions is about. */
export const unmatchableResource: LintRule = ({ statements }) =>
  statements.flatMap((statement) =>
    statement.scope.entries
      .filter((entry) => !statement.actions.some((action) => mayName(entry, action)))
      // When no action matches anything, that is said of the actions.
      .filter(() => hasUse(statement))
      .map((entry) => ({
        id: 'unmatchable-resource',
        severity: 'warning',
        path: entry.path,
        message: `${typeOf(entry)} is no resource of this statement\u2019s actions: it changes nothing here`,
        fix: 'take it out, or add the action it is meant for: `topicfilter/` is for `iot:Subscribe`, `topic/` for `iot:Publish` and `iot:Receive`',
      })),
  );

function hasUse({ actions, scope }: PolicyStatement): boolean {
  return (
    scope.kind === 'except' || scope.entries.some((entry) => actions.some((action) => mayName(entry, action)))
  );
}

/** Whether the entry can be the action's resource; an action without a single resource has the empty name. */
function mayName(entry: ResourceEntry, action: PolicyAction): boolean {
  const patterns = widestPatterns(entry, action);
  return resourceTypeOf(action) === 'none' ? patterns.some(isUniversal) : patterns.length > 0;
}

function typeOf({ tail: [first] }: ResourceEntry): string {
  const type = NAMED_RESOURCE_TYPES.find(
    (name) => first?.kind === 'text' && first.text.startsWith(`${name}/`),
  );
  return type === undefined ? 'it' : `\`${type}/\u2026\``;
}

/** A statement that excludes every resource, or has conditions that never hold together. */
export const unmatchableStatement: LintRule = ({ statements }) =>
  statements.flatMap((statement) => [...excludesEverything(statement), ...neverHolds(statement)]);

function excludesEverything({ actions, scope }: PolicyStatement): readonly LintFinding[] {
  if (scope.kind === 'only') return [];
  const isExcluded = (action: PolicyAction): boolean =>
    scope.entries.some((entry) => isOfText(entry) && widestPatterns(entry, action).some(isUniversal));
  const [first] = scope.entries;
  if (first === undefined || !actions.every(isExcluded)) return [];
  return [
    unmatchable(first.path, {
      message: '`NotResource` excludes every resource: no request can match this statement',
      fix: 'use `Resource`, or exclude less',
    }),
  ];
}

function isOfText({ tail }: ResourceEntry): boolean {
  return tail.every(({ kind }) => kind !== 'variable');
}

function neverHolds({ conditions }: PolicyStatement): readonly LintFinding[] {
  return conditions.flatMap((condition, index) => {
    const why = whyNever(condition, conditions.slice(0, index));
    if (why === undefined) return [];
    const message = `${why}: no request can match this statement`;
    return [unmatchable(condition.path, { message, fix: 'take the condition out, or split the statement' })];
  });
}

function whyNever(condition: Condition, earlier: readonly Condition[]): string | undefined {
  const { operator, key, values } = condition;
  if (operator.qualifier === 'forAny' && values.length === 0) return '`ForAnyValue` of no value never holds';
  const wantsAbsence = values.every((value) => value.kind === 'boolean' && value.value);
  if (operator.comparison === 'null' && key.kind === 'isAttached' && wantsAbsence)
    return `\`${key.name}\` always has a value`;
  const wanted = exactTexts(condition);
  const contrary = earlier.find(
    (other) => other.key.name === key.name && areDisjoint(exactTexts(other), wanted),
  );
  return contrary === undefined
    ? undefined
    : `\`${key.name}\` cannot be both this and what another condition wants`;
}

/** The texts of which a key with one value must be one; nothing when that cannot be said. */
function exactTexts({ operator, values }: Condition): readonly string[] | undefined {
  const { comparison, negated, qualifier } = operator;
  if (comparison !== 'equals' || negated || qualifier !== 'none' || operator.ifExists) return undefined;
  const isLiteral = values.every((value) => value.kind === 'text' && !value.source.includes('$'));
  return isLiteral ? values.map(({ source }) => source) : undefined;
}

function areDisjoint(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return one !== undefined && other !== undefined && !one.some((text) => other.includes(text));
}

function unmatchable(path: string, text: { readonly message: string; readonly fix: string }): LintFinding {
  return { id: 'unmatchable-statement', severity: 'warning', path, ...text };
}
