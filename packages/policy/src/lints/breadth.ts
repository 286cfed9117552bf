import { expandAction, type PolicyAction, resourceTypeOf } from '../actions.ts';
import type { PolicyStatement, ResourceEntry } from '../document.ts';
import type { LintFinding, LintRule } from './finding.ts';
import { isUniversal, statementsFor, widestPatterns } from './patterns.ts';

/** A device that may not connect may do nothing. */
export const missingConnect: LintRule = (document) => {
  if (statementsFor(document, { effect: 'Allow', action: 'iot:Connect' }).length > 0) return [];
  if (document.statements.every(({ effect }) => effect === 'Deny')) return [];
  return [
    {
      id: 'missing-connect',
      severity: 'warning',
      path: '$.Statement',
      message: 'no statement of this policy allows `iot:Connect`',
      fix: 'allow `iot:Connect` on `client/${iot:Connection.Thing.ThingName}`, here or in another attached policy',
    },
  ];
};

/** Any client id is as good as any other, so a device can take another's session away. */
export const connectAnyClientId: LintRule = (document) =>
  statementsFor(document, { effect: 'Allow', action: 'iot:Connect' })
    .filter(({ conditions }) => conditions.length === 0)
    .flatMap(({ scope }) => (scope.kind === 'only' ? scope.entries : []))
    .filter(isOwnClientId)
    .map(({ path }) => ({
      id: 'connect-any-client-id',
      severity: 'error',
      path,
      message: '`client/${iot:ClientId}` is whatever client id the device asks for',
      fix: 'use `client/${iot:Connection.Thing.ThingName}`, or add a condition on `iot:Connection.Thing.IsAttached`',
    }));

function isOwnClientId({ tail }: ResourceEntry): boolean {
  const [type, name] = tail;
  if (tail.length !== 2 || type?.kind !== 'text' || type.text !== 'client/') return false;
  return name?.kind === 'variable' && name.variable.kind === 'clientId';
}

/** Every action, or every resource of an action's type. */
export const overlyPermissive: LintRule = ({ statements }) =>
  statements
    .filter(({ effect }) => effect === 'Allow')
    .flatMap((statement) => [
      ...wideActions(statement),
      ...wideResources(statement),
      ...reservedTopicsOfOthers(statement),
    ]);

function wideActions(statement: PolicyStatement): readonly LintFinding[] {
  const wide = statement.actionSources.find((source) => expandAction(source).length > 1);
  if (wide === undefined) return [];
  const message = `\`${wide}\` allows every action, also those of later versions`;
  return [
    permissive(statement, {
      path: `${statement.path}.Action`,
      message,
      fix: 'list the actions that the device needs',
    }),
  ];
}

function wideResources(statement: PolicyStatement): readonly LintFinding[] {
  if (statement.scope.kind === 'except') return [];
  return statement.scope.entries.flatMap((entry) => {
    const wide = statement.actions.filter((action) => isWide(entry, action));
    if (wide.length === 0) return [];
    const message = `\`${entry.source}\` is every resource for ${nameActions(wide)}`;
    const fix = 'name the device, for example with `${iot:Connection.Thing.ThingName}`';
    return [permissive(statement, { path: entry.path, message, fix })];
  });
}

/** Shadows, jobs and the like of every device: Device Defender counts them among what is too broad. */
function reservedTopicsOfOthers(statement: PolicyStatement): readonly LintFinding[] {
  if (statement.scope.kind === 'except') return [];
  if (!statement.actions.some((action) => resourceTypeOf(action).startsWith('topic'))) return [];
  return statement.scope.entries.filter(namesEveryThing).map((entry) =>
    permissive(statement, {
      path: entry.path,
      message: `\`${entry.source}\` is a reserved topic of every thing: shadows, jobs and reports of other devices`,
      fix: 'put `${iot:Connection.Thing.ThingName}` where the thing\u2019s name stands',
    }),
  );
}

const THINGS = '$aws/things/';

/** Whether a wildcard stands in the place of the thing's name below `$aws/things/`. */
function namesEveryThing({ tail: [first, second] }: ResourceEntry): boolean {
  if (first?.kind !== 'text') return false;
  const name = first.text.replace(/^topic(?:filter)?\//, '');
  if (name === first.text || !name.startsWith('$aws/')) return false;
  if (name.startsWith(THINGS) && name !== THINGS) return /^[+#]/.test(name.slice(THINGS.length));
  if (second?.kind === 'one') return name === THINGS;
  return second?.kind === 'star' && THINGS.startsWith(name);
}

function isWide(entry: ResourceEntry, action: PolicyAction): boolean {
  if (resourceTypeOf(action) === 'none' || entry.tail.some(({ kind }) => kind === 'variable')) return false;
  return widestPatterns(entry, action).some(isUniversal);
}

function nameActions(actions: readonly PolicyAction[]): string {
  const [first, ...rest] = actions;
  return rest.length === 0 ? `\`${first}\`` : `\`${first}\` and ${rest.length} more`;
}

function permissive(
  { conditions }: PolicyStatement,
  text: { readonly path: string; readonly message: string; readonly fix: string },
): LintFinding {
  // With a condition the author has thought of something.
  const severity = conditions.length === 0 ? 'error' : 'note';
  return { id: 'overly-permissive', severity, ...text };
}
