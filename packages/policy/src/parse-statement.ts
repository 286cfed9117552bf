import { type Json, type JsonObject, jsonMemberPath } from '@fleetward/core';
import { expandAction, type PolicyAction, similarAction } from './actions.ts';
import { parseResource } from './arn.ts';
import type { PolicyStatement, ResourceEntry } from './document.ts';
import { type IssueList, shown } from './issues.ts';
import { isJsonObject, jsonTypeOf, stringItems } from './json-shapes.ts';
import { parseConditions } from './parse-conditions.ts';
import { noteBound, type ParseContext } from './parse-context.ts';

const MEMBERS = ['Sid', 'Effect', 'Action', 'Resource', 'NotResource', 'Condition'];
const SID_CHARS_MAX = 128;

/** Reads one statement; every problem becomes an issue, and the result is then not used. */
export function parseStatement(
  value: Json,
  at: { readonly path: string; readonly index: number; readonly context: ParseContext },
): PolicyStatement | undefined {
  const { path, index, context } = at;
  const { issues } = context;
  if (!isJsonObject(value)) {
    issues.add(path, { message: `found ${jsonTypeOf(value)}`, expected: 'a statement object' });
    return undefined;
  }
  refuseUnknownMembers(value, path, issues);
  const sid = parseSid(value.Sid, path, issues);
  const effect = parseEffect(value.Effect, path, issues);
  const actions = parseActions(value.Action, `${path}.Action`, issues);
  return {
    index,
    path,
    ...(sid === undefined ? {} : { sid }),
    effect,
    actions: [...new Set(actions.flatMap(({ expanded }) => expanded))],
    actionSources: actions.map(({ source }) => source),
    scope: parseScope(value, path, context),
    conditions: parseConditions(value.Condition, `${path}.Condition`, context),
  };
}

function refuseUnknownMembers(statement: JsonObject, path: string, issues: IssueList): void {
  for (const key of Object.keys(statement)) {
    if (MEMBERS.includes(key)) continue;
    const why = key.endsWith('Principal') ? '; who is meant follows from what the policy is attached to' : '';
    issues.add(jsonMemberPath(path, key), {
      message: `the member ${shown(key)} is not supported${why}`,
      expected: `only ${MEMBERS.map((name) => `\`${name}\``).join(', ')}`,
    });
  }
}

function parseSid(value: Json | undefined, path: string, issues: IssueList): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= SID_CHARS_MAX && !/[\p{Cc}\p{Cs}]/u.test(value))
    return value;
  issues.add(`${path}.Sid`, {
    message: `found ${jsonTypeOf(value)} that cannot name a statement`,
    expected: `printable text of at most ${SID_CHARS_MAX} characters`,
  });
  return undefined;
}

function parseEffect(value: Json | undefined, path: string, issues: IssueList): 'Allow' | 'Deny' {
  if (value === 'Allow' || value === 'Deny') return value;
  const message =
    typeof value === 'string' ? `the effect ${shown(value)} is unknown` : `found ${jsonTypeOf(value)}`;
  issues.add(`${path}.Effect`, { message, expected: '"Allow" or "Deny"' });
  return 'Deny';
}

function parseActions(value: Json | undefined, path: string, issues: IssueList) {
  const expected = 'an action such as "iot:Publish", or "iot:*"';
  return stringItems(value, { path, expected, issues }).map((item) => {
    const expanded: readonly PolicyAction[] = expandAction(item.value);
    if (expanded.length === 0) {
      const similar = similarAction(item.value);
      const hint = similar === undefined ? '' : `; did you mean \`${similar}\`?`;
      issues.add(item.path, { message: `the action ${shown(item.value)} is not supported${hint}`, expected });
    }
    return { source: item.value, expanded };
  });
}

function parseScope(statement: JsonObject, path: string, context: ParseContext): PolicyStatement['scope'] {
  const expected = 'exactly one of `Resource` and `NotResource`';
  const { Resource: only, NotResource: except } = statement;
  if ((only === undefined) === (except === undefined)) {
    context.issues.add(path, {
      message: only === undefined ? 'neither is given' : 'both are given',
      expected,
    });
    return { kind: 'only', entries: [] };
  }
  if (only !== undefined) return { kind: 'only', entries: parseEntries(only, `${path}.Resource`, context) };
  return { kind: 'except', entries: parseEntries(except, `${path}.NotResource`, context) };
}

function parseEntries(
  value: Json | undefined,
  path: string,
  context: ParseContext,
): readonly ResourceEntry[] {
  const items = stringItems(value, {
    path,
    expected: 'an ARN, a list of ARNs, or `*`',
    issues: context.issues,
  });
  return items.flatMap((item) => {
    const parsed = parseResource(item.value, { path: item.path, binding: context.binding });
    if (parsed.kind === 'problem') {
      context.issues.add(item.path, parsed);
      return [];
    }
    noteBound(context, item.path, parsed.bound);
    return [parsed.entry];
  });
}
