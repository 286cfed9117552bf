import { InvalidInputError, type Json, jsonMemberPath, parseStrictJson } from '@fleetward/core';
import type { Binding } from './arn.ts';
import type { PolicyDocument, PolicyStatement } from './document.ts';
import { PolicyError } from './errors.ts';
import { IssueList, shown } from './issues.ts';
import { isJsonObject, jsonTypeOf, listItems } from './json-shapes.ts';
import { POLICY_BYTES_MAX, POLICY_DEPTH_MAX } from './limits.ts';
import type { ParseContext, PolicyNote } from './parse-context.ts';
import { parseStatement } from './parse-statement.ts';

export interface ParsedPolicy {
  readonly document: PolicyDocument;
  readonly notes: readonly PolicyNote[];
}

/**
 * Parses and validates a policy document of at most 16 KiB. Throws `policy.invalid` with every issue (path, message,
 * expected) when anything in it is wrong or not supported; nothing is ever ignored.
 */
export function parsePolicy(input: Uint8Array | string, binding: Binding): ParsedPolicy {
  const issues = new IssueList();
  const notes: PolicyNote[] = [];
  const statements = parseRoot(readJson(input), { binding, issues, notes });
  issues.assertEmpty({ code: 'policy.invalid', subject: 'policy' });
  return { document: { binding, statements }, notes };
}

function readJson(input: Uint8Array | string): Json {
  try {
    return parseStrictJson(input, { bytesMax: POLICY_BYTES_MAX, depthMax: POLICY_DEPTH_MAX });
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    const path = typeof cause.details.path === 'string' ? cause.details.path : '$';
    const expected = `strict JSON of at most ${POLICY_BYTES_MAX} bytes and ${POLICY_DEPTH_MAX} levels`;
    const issues = [{ path, message: cause.message, expected }];
    throw new PolicyError('policy.invalid', `policy refused: ${cause.message}`, {
      cause,
      issues,
    });
  }
}

function parseRoot(root: Json, context: ParseContext): readonly PolicyStatement[] {
  const { issues } = context;
  if (!isJsonObject(root)) {
    issues.add('$', {
      message: `found ${jsonTypeOf(root)}`,
      expected: 'an object with `Version` and `Statement`',
    });
    return [];
  }
  for (const key of Object.keys(root)) {
    if (key === 'Version' || key === 'Statement') continue;
    issues.add(jsonMemberPath('$', key), {
      message: `the member ${shown(key)} is not supported`,
      expected: '`Version` and `Statement` only',
    });
  }
  if (root.Version !== '2012-10-17') {
    issues.add('$.Version', { message: describeVersion(root.Version), expected: '"2012-10-17"' });
  }
  return parseStatements(root.Statement, context);
}

function describeVersion(version: Json | undefined): string {
  return typeof version === 'string'
    ? `the version ${shown(version)} is not supported`
    : `found ${jsonTypeOf(version)}`;
}

function parseStatements(value: Json | undefined, context: ParseContext): readonly PolicyStatement[] {
  const items = value === undefined ? [] : listItems(value, '$.Statement');
  if (items.length === 0) {
    context.issues.add('$.Statement', {
      message: value === undefined ? 'the member is missing' : 'the list is empty',
      expected: 'at least one statement',
    });
  }
  return items.flatMap(({ value: item, path }, index) => {
    const statement = parseStatement(item, { path, index, context });
    return statement === undefined ? [] : [statement];
  });
}
