import type { Json } from '@fleetward/core';
import type { Expression, List, Mappings, Tree } from './expression.ts';

/** A request cannot be filled into its template; the message says where and why. */
export class Unfillable extends Error {}

export interface Values {
  readonly parameters: ReadonlyMap<string, string>;
  readonly mappings: Mappings;
}

/** Of one text, which may hold others several times over. */
const textLengthMax = 4_096;

/** Fills in what a device gave, as text: nothing in a parameter is an expression. Throws `Unfillable`. */
export function evaluate(expression: Expression, values: Values): string {
  const text = evaluateUnbounded(expression, values);
  if (text.length > textLengthMax) throw new Unfillable(`a text of more than ${textLengthMax} characters`);
  return text;
}

export function evaluateTree(tree: Tree, values: Values): Json {
  switch (tree.kind) {
    case 'expression':
      return evaluate(tree.expression, values);
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map((item) => evaluateTree(item, values));
    case 'object':
      return Object.fromEntries([...tree.members].map(([key, each]) => [key, evaluateTree(each, values)]));
  }
}

function evaluateUnbounded(expression: Expression, values: Values): string {
  switch (expression.kind) {
    case 'text':
      return expression.text;
    case 'ref':
      return parameterOf(expression.name, values);
    case 'join':
      return evaluateList(expression.parts, values).join(expression.separator);
    case 'select':
      return itemOf(evaluateList(expression.from, values), evaluate(expression.index, values));
    case 'find':
      return lookUp(expression, values);
    case 'sub':
      return expression.pieces.map((piece) => evaluate(piece, values)).join('');
  }
}

function evaluateList(list: List, values: Values): readonly string[] {
  if (list.kind === 'split') return evaluate(list.text, values).split(list.separator);
  return list.items.map((item) => evaluate(item, values));
}

function parameterOf(name: string, { parameters }: Values): string {
  const text = parameters.get(name);
  if (text === undefined) throw new Unfillable(`parameter \`${name}\` missing`);
  return text;
}

function itemOf(items: readonly string[], index: string): string {
  const item = /^\d{1,4}$/.test(index) ? items[Number(index)] : undefined;
  if (item !== undefined) return item;
  throw new Unfillable(`\`Fn::Select\`: there is no item \`${index.slice(0, 64)}\` of ${items.length}`);
}

function lookUp({ map, first, second }: Extract<Expression, { kind: 'find' }>, values: Values): string {
  const keys = [evaluate(first, values), evaluate(second, values)] as const;
  const text = values.mappings.get(map)?.get(keys[0])?.get(keys[1]);
  if (text !== undefined) return text;
  const shown = keys.map((key) => `\`${key.slice(0, 64)}\``).join(', ');
  throw new Unfillable(`\`Fn::FindInMap\`: the mapping \`${map}\` has nothing for ${shown}`);
}
