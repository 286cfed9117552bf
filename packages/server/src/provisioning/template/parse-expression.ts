import { type Json, type JsonObject, jsonMemberPath } from '@fleetward/core';
import type { Expression, List, Mappings, Tree } from './expression.ts';
import { invalid, isObject } from './shapes.ts';
import { subjectParameters } from './subject-parameters.ts';

/** What expressions may refer to. */
export interface Names {
  readonly parameters: ReadonlySet<string>;
  readonly mappings: Mappings;
}

/**
 * What the platform itself gives: facts about the certificate that is being provisioned. All but the id are from the subject of a
 * vendor's certificate; one that is provisioned with a claim has none of them.
 */
const pseudoParameters: ReadonlySet<string> = new Set(
  ['Id', ...Object.keys(subjectParameters)].map((name) => `AWS::IoT::Certificate::${name}`),
);

const itemsMax = 64;

/** Throws `provisioning.template_invalid` with the place. */
export function parseExpression(value: Json | undefined, path: string, names: Names): Expression {
  if (typeof value === 'string') return { kind: 'text', text: value };
  const call = functionOf(value);
  if (call === undefined) throw invalid(path, 'expected a text, `Ref` or an intrinsic function');
  const [name, argument] = call;
  const inside = jsonMemberPath(path, name);
  switch (name) {
    case 'Ref':
      return reference(argument, inside, names);
    case 'Fn::Join':
      return join(argument, inside, names);
    case 'Fn::Select':
      return select(argument, inside, names);
    case 'Fn::FindInMap':
      return find(argument, inside, names);
    case 'Fn::Sub':
      return substitute(argument, inside, names);
    case 'Fn::Split':
      throw invalid(inside, '`Fn::Split` gives a list: it stands only inside `Fn::Join` or `Fn::Select`');
    default:
      throw invalid(
        path,
        `there is no function \`${name.slice(0, 64)}\`; there are Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split and Fn::Sub`,
      );
  }
}

/** JSON whose objects with the one key `Ref` or `Fn::…` are expressions. */
export function parseTree(value: Json, path: string, names: Names): Tree {
  if (typeof value === 'string' || functionOf(value) !== undefined)
    return { kind: 'expression', expression: parseExpression(value, path, names) };
  if (value === null || typeof value !== 'object') return { kind: 'scalar', value };
  if (isObject(value)) {
    const members = Object.entries(value).map(
      ([key, each]) => [key, parseTree(each, jsonMemberPath(path, key), names)] as const,
    );
    return { kind: 'object', members: new Map(members) };
  }
  return { kind: 'list', items: value.map((each, at) => parseTree(each, `${path}[${at}]`, names)) };
}

function functionOf(value: Json | undefined): readonly [string, Json] | undefined {
  if (!isObject(value)) return undefined;
  const [only, ...others] = Object.entries(value);
  if (only === undefined || others.length > 0) return undefined;
  return only[0] === 'Ref' || only[0].startsWith('Fn::') ? only : undefined;
}

function reference(argument: Json, path: string, { parameters }: Names): Expression {
  if (typeof argument !== 'string') throw invalid(path, 'expected the name of a parameter');
  if (!parameters.has(argument) && !pseudoParameters.has(argument))
    throw invalid(path, `there is no parameter \`${argument.slice(0, 128)}\``);
  return { kind: 'ref', name: argument };
}

function join(argument: Json, path: string, names: Names): Expression {
  const [separator, parts] = pair(argument, path, 'a separator and a list');
  if (typeof separator !== 'string') throw invalid(`${path}[0]`, 'expected the separator as a text');
  return { kind: 'join', separator, parts: list(parts, `${path}[1]`, names) };
}

function select(argument: Json, path: string, names: Names): Expression {
  const [index, from] = pair(argument, path, 'an index and a list');
  const at = typeof index === 'number' ? String(index) : index;
  return {
    kind: 'select',
    index: parseExpression(at, `${path}[0]`, names),
    from: list(from, `${path}[1]`, names),
  };
}

function find(argument: Json, path: string, names: Names): Expression {
  if (!Array.isArray(argument) || argument.length !== 3)
    throw invalid(path, 'expected the name of a mapping and two keys');
  const [map, first, second] = argument as unknown as readonly [Json, Json, Json];
  if (typeof map !== 'string' || !names.mappings.has(map))
    throw invalid(`${path}[0]`, 'expected the name of one of the `Mappings`');
  return {
    kind: 'find',
    map,
    first: parseExpression(first, `${path}[1]`, names),
    second: parseExpression(second, `${path}[2]`, names),
  };
}

function list(value: Json, path: string, names: Names): List {
  if (Array.isArray(value)) {
    if (value.length > itemsMax) throw invalid(path, `more than ${itemsMax} items`);
    const items = (value as readonly Json[]).map((each, at) =>
      parseExpression(each, `${path}[${at}]`, names),
    );
    return { kind: 'items', items };
  }
  const call = functionOf(value);
  if (call?.[0] !== 'Fn::Split') throw invalid(path, 'expected a list or `Fn::Split`');
  const inside = jsonMemberPath(path, 'Fn::Split');
  const [separator, text] = pair(call[1], inside, 'a separator and a text');
  if (typeof separator !== 'string' || separator === '')
    throw invalid(`${inside}[0]`, 'expected the separator as a text');
  return { kind: 'split', separator, text: parseExpression(text, `${inside}[1]`, names) };
}

/** `"…${Name}…"`, or that text and values by name; `${!Name}` stands for the characters `${Name}`. */
function substitute(argument: Json, path: string, names: Names): Expression {
  const [text, values] =
    typeof argument === 'string' ? [argument, {}] : pair(argument, path, 'a text and values');
  if (typeof text !== 'string') throw invalid(path, 'expected a text');
  if (!isObject(values)) throw invalid(`${path}[1]`, 'expected an object of values');
  return { kind: 'sub', pieces: piecesOf(text, path, { ...names, values }) };
}

function piecesOf(
  text: string,
  path: string,
  { values, ...names }: Names & { readonly values: JsonObject },
): readonly Expression[] {
  const pieces = text.split(/\$\{([^{}]*)\}/);
  if (pieces.length > 2 * itemsMax) throw invalid(path, `more than ${itemsMax} places to fill in`);
  return pieces.map((piece, at) => {
    if (at % 2 === 0) return { kind: 'text', text: piece };
    if (piece.startsWith('!')) return { kind: 'text', text: `\${${piece.slice(1)}}` };
    if (Object.hasOwn(values, piece)) return parseExpression(values[piece], `${path}[1]`, names);
    return reference(piece, path, names);
  });
}

function pair(argument: Json, path: string, what: string): readonly [Json, Json] {
  if (!Array.isArray(argument) || argument.length !== 2) throw invalid(path, `expected ${what}`);
  return argument as unknown as readonly [Json, Json];
}
