import { networkContains, parseAddress } from './addresses.ts';
import { keyValues, type PrincipalContext } from './context.ts';
import type { Condition, ConditionValue, PolicyBinding } from './document.ts';
import { Glob } from './glob.ts';
import type { Comparison } from './operators.ts';
import { patternText, substitute } from './substitute.ts';
import { parseInstant, parseNumber } from './values.ts';

/**
 * `unresolved`: the key is absent, a variable in a value has no text, or the request's value cannot be read as the
 * operator needs. An Allow then does not match and a Deny does: both fail closed.
 */
export type ConditionOutcome = 'satisfied' | 'failed' | 'unresolved';

export interface ConditionRequest {
  readonly context: PrincipalContext;
  /** Fills in the ARN of the last-will topic. */
  readonly binding: PolicyBinding;
  /** The request's time; without it the time keys are absent. */
  readonly nowMs?: number | undefined;
}

/** Decides one condition (IAM's operators, with the strict reading of what is unresolved). */
export function evaluateCondition(condition: Condition, request: ConditionRequest): ConditionOutcome {
  const { operator } = condition;
  const actuals = actualValues(condition, request);
  if (operator.comparison === 'null') {
    const isAbsent = actuals === undefined || actuals.length === 0;
    return outcomeOf(condition.values.some((value) => value.kind === 'boolean' && value.value === isAbsent));
  }
  if (actuals === undefined) return operator.ifExists ? 'satisfied' : 'unresolved';
  const results = actuals.map((actual) => testOne(actual, condition, request));
  if (hasUnresolvedValue(condition, request) || results.includes('unresolved')) return 'unresolved';
  if (operator.qualifier === 'forAll') return outcomeOf(results.every((result) => result === 'satisfied'));
  return outcomeOf(results.includes('satisfied'));
}

/** What is unresolved fails closed: it never completes an Allow and never takes a Deny away. */
export function holds(effect: 'Allow' | 'Deny', outcome: ConditionOutcome): boolean {
  return outcome === 'satisfied' || (outcome === 'unresolved' && effect === 'Deny');
}

function outcomeOf(isSatisfied: boolean): ConditionOutcome {
  return isSatisfied ? 'satisfied' : 'failed';
}

/** The request's values for the condition's key, before any comparison; nothing when the key is absent. */
export function actualValues(condition: Condition, request: ConditionRequest): readonly string[] | undefined {
  const { key, operator } = condition;
  if (key.kind === 'currentTime' || key.kind === 'epochTime') return timeValues(request.nowMs);
  const values = keyValues(key, request.context);
  return key.kind === 'lastWillTopic' && operator.comparison === 'arn'
    ? values?.map((topic) => willArn(topic, request.binding))
    : values;
}

function timeValues(nowMs: number | undefined): readonly string[] | undefined {
  return nowMs === undefined ? undefined : [String(Math.floor(nowMs / 1000))];
}

function willArn(topic: string, binding: PolicyBinding): string {
  return `arn:aws:iot:${binding.region}:${binding.accountId}:topic/${topic}`;
}

/** One value of the request against the alternatives of the policy. */
function testOne(actual: string, condition: Condition, request: ConditionRequest): ConditionOutcome {
  const { comparison, negated } = condition.operator;
  let isMatched = false;
  for (const value of condition.values) {
    const result = compare(comparison, actual, { value, condition, request });
    if (result === undefined) return 'unresolved';
    isMatched ||= result;
  }
  return outcomeOf(isMatched !== negated);
}

interface Expectation {
  readonly value: ConditionValue;
  readonly condition: Condition;
  readonly request: ConditionRequest;
}

/** Whether the value matches; nothing when the request's value is not of the kind that is compared. */
function compare(comparison: Comparison, actual: string, expectation: Expectation): boolean | undefined {
  const { value } = expectation;
  switch (value.kind) {
    case 'text':
      return compareText(comparison, actual, expectation);
    case 'arn':
      return compareArn(value.parts, actual, expectation.request.context);
    case 'boolean':
      return actual === 'true' || actual === 'false' ? (actual === 'true') === value.value : undefined;
    case 'network': {
      const address = parseAddress(actual);
      return address && networkContains(value.network, address);
    }
    case 'number':
      return compareOrder(comparison, parseNumber(actual), value.value);
    case 'instant':
      return compareOrder(comparison, parseInstant(actual), value.epochMs);
  }
}

function compareText(comparison: Comparison, actual: string, { value, condition, request }: Expectation) {
  if (value.kind !== 'text') return undefined;
  // AWS writes a last-will topic as an ARN; a plain topic is compared with the plain topic.
  const isWillArn = condition.key.kind === 'lastWillTopic' && value.source.startsWith('arn:');
  const text = isWillArn ? willArn(actual, request.binding) : actual;
  const { parts } = substitute(value.tokens, request.context);
  if (comparison === 'like') return new Glob(parts).matches(text);
  const expected = patternText(parts);
  if (comparison === 'equals') return text === expected;
  return text.toLowerCase() === expected.toLowerCase();
}

/** Component by component, so that a wildcard never crosses a colon of the first five; partitions are not compared. */
function compareArn(
  parts: Extract<ConditionValue, { readonly kind: 'arn' }>['parts'],
  actual: string,
  context: PrincipalContext,
): boolean | undefined {
  const split = actual.split(':');
  if (split.length < 6 || split[0] !== 'arn') return undefined;
  const components = [...split.slice(0, 5), split.slice(5).join(':')];
  return parts.every((tokens, index) => {
    if (index === 1) return true;
    return new Glob(substitute(tokens, context).parts).matches(components[index] ?? '');
  });
}

function compareOrder(
  comparison: Comparison,
  actual: number | undefined,
  expected: number,
): boolean | undefined {
  if (actual === undefined) return undefined;
  if (comparison.endsWith('LessOrEqual')) return actual <= expected;
  if (comparison.endsWith('GreaterOrEqual')) return actual >= expected;
  if (comparison.endsWith('Less')) return actual < expected;
  if (comparison.endsWith('Greater')) return actual > expected;
  return actual === expected;
}

function hasUnresolvedValue(condition: Condition, request: ConditionRequest): boolean {
  return condition.values.some((value) => {
    if (value.kind === 'text') return substitute(value.tokens, request.context).kind === 'unresolved';
    if (value.kind !== 'arn') return false;
    return value.parts.some((tokens) => substitute(tokens, request.context).kind === 'unresolved');
  });
}
