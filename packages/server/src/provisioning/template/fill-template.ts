import {
  type GroupName,
  InvalidInputError,
  type JsonObject,
  type PolicyName,
  parseThingName,
  type ThingName,
} from '@fleetward/core';
import { evaluate, evaluateTree, Unfillable, type Values } from './evaluate.ts';
import type { Fixed, Template } from './template.ts';

/** What a request comes to: everything that is to be made or attached. */
export interface Filled {
  readonly thingName: ThingName;
  readonly typeName?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly groupNames: readonly GroupName[];
  readonly policyNames: readonly PolicyName[];
  readonly deviceConfiguration: JsonObject;
}

/** Fills a template with a device's parameters and what the platform says of its certificate. Throws `Unfillable`. */
export function fillTemplate(template: Template, given: ReadonlyMap<string, string>): Filled {
  const { thing, policies, mappings, deviceConfiguration } = template;
  const values: Values = { parameters: withDefaults(template, given), mappings };
  const typeName = thing.typeName === undefined ? {} : { typeName: evaluate(thing.typeName, values) };
  const attributes = [...thing.attributes].map(([key, each]) => [key, evaluate(each, values)] as const);
  const configuration = [...deviceConfiguration].map(
    ([key, each]) => [key, evaluateTree(each, values)] as const,
  );
  return {
    thingName: thingNameOf(evaluate(thing.name, values)),
    ...typeName,
    attributes: Object.fromEntries(attributes),
    groupNames: [...new Set(thing.groups.map((each) => nameOf(each, values)))],
    policyNames: [...new Set(policies.map((each) => nameOf(each, values)))],
    deviceConfiguration: Object.fromEntries(configuration),
  };
}

function withDefaults(
  { parameters }: Template,
  given: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const values = new Map(given);
  for (const [name, { defaultText }] of parameters) {
    if (values.has(name)) continue;
    if (defaultText === undefined) throw new Unfillable(`parameter \`${name}\` missing`);
    values.set(name, defaultText);
  }
  return values;
}

function thingNameOf(text: string): ThingName {
  try {
    return parseThingName(text);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new Unfillable(`\`ThingName\` comes to no thing name: ${error.message}`);
  }
}

function nameOf<Name extends string>(fixed: Fixed<Name>, values: Values): Name {
  if (fixed.kind === 'name') return fixed.name;
  const text = evaluate(fixed.expression, values);
  const name = fixed.names.find((each) => each === text);
  if (name === undefined) throw new Unfillable(`\`${text.slice(0, 64)}\` is no name that the template gives`);
  return name;
}
