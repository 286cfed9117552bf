import { type Json, jsonMemberPath } from '@fleetward/core';
import type { Condition, ConditionValue } from './document.ts';
import { shown } from './issues.ts';
import { isJsonList, isJsonObject, jsonTypeOf, listItems } from './json-shapes.ts';
import { type Operator, parseOperator, similarOperator } from './operators.ts';
import { parseConditionValue } from './parse-condition-value.ts';
import type { ParseContext } from './parse-context.ts';
import type { Problem } from './template.ts';
import { isSetValued, parseVariable, similarVariable, type Variable } from './variables.ts';

/** Reads `Condition`: operators, below them keys, below them one value or a list of alternatives. */
export function parseConditions(
  value: Json | undefined,
  path: string,
  context: ParseContext,
): readonly Condition[] {
  if (value === undefined) return [];
  if (!isJsonObject(value)) {
    context.issues.add(path, {
      message: `found ${jsonTypeOf(value)}`,
      expected: 'an object of condition operators',
    });
    return [];
  }
  return Object.entries(value).flatMap(([name, keys]) => {
    const operatorPath = jsonMemberPath(path, name);
    const operator = parseOperator(name);
    if (operator === undefined) context.issues.add(operatorPath, unknownOperator(name));
    return operator === undefined ? [] : parseKeys(keys, operatorPath, { operator, context });
  });
}

interface OperatorContext {
  readonly operator: Operator;
  readonly context: ParseContext;
}

function parseKeys(value: Json, path: string, at: OperatorContext): readonly Condition[] {
  const { issues } = at.context;
  if (!isJsonObject(value) || Object.keys(value).length === 0) {
    issues.add(path, {
      message: `found ${jsonTypeOf(value)}`,
      expected: 'an object with at least one condition key',
    });
    return [];
  }
  return Object.entries(value).flatMap(([name, values]) => {
    const keyPath = jsonMemberPath(path, name);
    const key = parseVariable(name);
    const problem = key === undefined ? unknownKey(name) : misusedKey(key, at.operator);
    if (problem !== undefined) issues.add(keyPath, problem);
    const parsed = parseValues(values, keyPath, at);
    return key === undefined ? [] : [{ path: keyPath, operator: at.operator, key, values: parsed }];
  });
}

function parseValues(value: Json, path: string, at: OperatorContext): readonly ConditionValue[] {
  const { issues } = at.context;
  // An empty list means something to a set only: `ForAllValues:… []` holds for the empty set.
  if (isJsonList(value) && value.length === 0 && at.operator.qualifier === 'none') {
    issues.add(path, { message: 'the list is empty', expected: 'at least one value' });
  }
  return listItems(value, path).flatMap((item) => {
    const parsed = parseConditionValue(item, at);
    if (parsed.kind === 'value') return [parsed.value];
    issues.add(item.path, parsed);
    return [];
  });
}

function misusedKey(key: Variable, { comparison, qualifier }: Operator): Problem | undefined {
  if (isSetValued(key) && qualifier === 'none' && comparison !== 'null') {
    return {
      message: `${shown(key.name)} is a set of values`,
      expected: 'an operator with `ForAllValues:` or `ForAnyValue:`',
    };
  }
  if (key.kind === 'currentTime' && !comparison.startsWith('date') && comparison !== 'null') {
    return { message: `${shown(key.name)} is a time`, expected: 'a `Date…` operator' };
  }
  if (key.kind === 'epochTime' && !/^(?:date|number|null)/.test(comparison)) {
    return { message: `${shown(key.name)} is a time`, expected: 'a `Date…` or `Numeric…` operator' };
  }
  return undefined;
}

function unknownOperator(name: string): Problem {
  const similar = similarOperator(name);
  const hint = similar === undefined ? '' : `; did you mean \`${similar}\`?`;
  return {
    message: `the operator ${shown(name)} is not supported${hint}`,
    expected: 'a condition operator such as "StringEquals", "ForAnyValue:StringLike" or "BoolIfExists"',
  };
}

function unknownKey(name: string): Problem {
  const similar = similarVariable(name);
  const hint = similar === undefined ? '' : `; did you mean \`${similar}\`?`;
  return {
    message: `the condition key ${shown(name)} is not supported${hint}`,
    expected: 'a supported policy variable, `iot:ConnectAttributes` or `iot:LastWillTopic`',
  };
}
