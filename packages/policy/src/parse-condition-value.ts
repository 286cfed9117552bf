import { parseNetwork } from './addresses.ts';
import { bindField } from './arn.ts';
import type { ConditionValue } from './document.ts';
import { shown } from './issues.ts';
import { jsonTypeOf, type ListItem } from './json-shapes.ts';
import type { Operator } from './operators.ts';
import { noteBound, type ParseContext } from './parse-context.ts';
import { type Problem, parseTemplate, type Token } from './template.ts';
import { parseInstant, parseNumber } from './values.ts';

type ValueResult =
  | { readonly kind: 'value'; readonly value: ConditionValue }
  | ({ readonly kind: 'problem' } & Problem);

interface Place {
  readonly operator: Operator;
  readonly context: ParseContext;
}

/** Reads one value in the form its operator compares; JSON numbers and booleans count as their text. */
export function parseConditionValue(item: ListItem, place: Place): ValueResult {
  const { value } = item;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    return problem(`found ${jsonTypeOf(value)}`, 'a string, a number or a boolean');
  }
  const source = String(value);
  switch (place.operator.comparison) {
    case 'equals':
    case 'equalsIgnoreCase':
      return textValue(source, false);
    case 'like':
      return textValue(source, true);
    case 'arn':
      return arnValue(source, item.path, place.context);
    case 'boolean':
    case 'null':
      return booleanValue(source);
    case 'address':
      return addressValue(source);
    default:
      return place.operator.comparison.startsWith('date') ? instantValue(source) : numberValue(source);
  }
}

function textValue(source: string, wildcards: boolean): ValueResult {
  const parsed = parseTemplate(source, { wildcards });
  if (parsed.kind === 'problem') return parsed;
  return { kind: 'value', value: { source, kind: 'text', tokens: parsed.tokens } };
}

function arnValue(source: string, path: string, context: ParseContext): ValueResult {
  const parsed = parseTemplate(source, { wildcards: true });
  if (parsed.kind === 'problem') return parsed;
  const parts = splitComponents(parsed.tokens);
  const head = parts[0]?.[0];
  if (parts.length !== 6 || head?.kind !== 'text' || head.text !== 'arn') {
    return problem(
      `${shown(source)} is not an ARN`,
      'six components: `arn:aws:iot:<region>:<account>:<type>/<name>`',
    );
  }
  const bound = parts.map((part, index) => bindPlaceholder(part, { index, path, context }));
  return { kind: 'value', value: { source, kind: 'arn', parts: bound } };
}

/** Splits at the first five colons of the literal text: the sixth component keeps its own. */
function splitComponents(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    const pieces = token.kind === 'text' ? splitText(token.text, 6 - parts.length) : [token];
    pieces.forEach((piece, index) => {
      if (index > 0) parts.push([]);
      if (typeof piece !== 'string') parts.at(-1)?.push(piece);
      else if (piece !== '') parts.at(-1)?.push({ kind: 'text', text: piece });
    });
  }
  return parts;
}

function splitText(text: string, splitsMax: number): readonly string[] {
  const pieces = text.split(':');
  return [
    ...pieces.slice(0, splitsMax),
    ...(pieces.length > splitsMax ? [pieces.slice(splitsMax).join(':')] : []),
  ];
}

/** `REGION` and `ACCOUNT_ID` of published examples mean this platform's, here as in a resource. */
function bindPlaceholder(
  part: readonly Token[],
  at: { readonly index: number; readonly path: string; readonly context: ParseContext },
): readonly Token[] {
  const [only] = part;
  const field = at.index === 3 ? 'region' : at.index === 4 ? 'accountId' : undefined;
  if (field === undefined || part.length !== 1 || only?.kind !== 'text') return part;
  if (only.text !== 'REGION' && only.text !== 'ACCOUNT_ID') return part;
  const bound = bindField(only.text, field, at.context.binding);
  if (bound.kind === 'problem') return part;
  noteBound(at.context, at.path, bound.bound);
  return [bound.value === '*' ? { kind: 'star' } : { kind: 'text', text: bound.value }];
}

function booleanValue(source: string): ValueResult {
  if (source !== 'true' && source !== 'false')
    return problem(`${shown(source)} is not a boolean`, '"true" or "false"');
  return { kind: 'value', value: { source, kind: 'boolean', value: source === 'true' } };
}

function addressValue(source: string): ValueResult {
  const network = parseNetwork(source);
  if (network === undefined)
    return problem(`${shown(source)} is not an IP range`, 'an address or CIDR such as "192.0.2.0/24"');
  return { kind: 'value', value: { source, kind: 'network', network } };
}

function numberValue(source: string): ValueResult {
  const value = parseNumber(source);
  if (value === undefined) return problem(`${shown(source)} is not a number`, 'a decimal number');
  return { kind: 'value', value: { source, kind: 'number', value } };
}

function instantValue(source: string): ValueResult {
  const epochMs = parseInstant(source);
  if (epochMs === undefined) {
    return problem(
      `${shown(source)} is not a date`,
      'ISO 8601 such as "2026-01-31T00:00:00Z", or seconds since 1970',
    );
  }
  return { kind: 'value', value: { source, kind: 'instant', epochMs } };
}

function problem(message: string, expected: string): { readonly kind: 'problem' } & Problem {
  return { kind: 'problem', message, expected };
}
