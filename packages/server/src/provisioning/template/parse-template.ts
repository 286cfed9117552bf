import {
  InvalidInputError,
  isAppError,
  type Json,
  jsonMemberPath,
  type PolicyName,
  parseGroupName,
  parsePolicyName,
  parseStrictJson,
} from '@fleetward/core';
import type { Mappings } from './expression.ts';
import { type Names, parseExpression, parseTree } from './parse-expression.ts';
import { choiceAt, entriesAt, invalid, isObject, objectAt } from './shapes.ts';
import type { Fixed, Template } from './template.ts';

/** AWS IoT: 10 KiB. */
const templateBytesMax = 10_240;
const depthMax = 16;
const parametersMax = 64;
const resourcesMax = 16;
const attributesMax = 50;

const certificateType = 'AWS::IoT::Certificate';
const thingType = 'AWS::IoT::Thing';
const policyType = 'AWS::IoT::Policy';

/** Reads a fleet provisioning template as AWS IoT writes it. Throws `provisioning.template_invalid` with the place. */
export function parseTemplate(text: string): Template {
  const document = objectAt(readJson(text), '$', [
    'Parameters',
    'Mappings',
    'Resources',
    'DeviceConfiguration',
  ]);
  const parameters = parametersOf(document.Parameters);
  const mappings = mappingsOf(document.Mappings);
  const names = { parameters: new Set(parameters.keys()), mappings };
  const resources = resourcesOf(document.Resources);
  const configuration = entriesAt(document.DeviceConfiguration, '$.DeviceConfiguration', 64);
  return {
    parameters,
    mappings,
    thing: thingOf(only(resources, thingType), names),
    certificate: certificateOf(only(resources, certificateType)),
    policies: resources.filter(({ type }) => type === policyType).map((each) => policyOf(each, names)),
    deviceConfiguration: new Map(
      configuration.map(([key, value, path]) => [key, parseTree(value, path, names)]),
    ),
  };
}

function readJson(text: string): Json {
  try {
    return parseStrictJson(text, { bytesMax: templateBytesMax, depthMax, valuesMax: 5_000 });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw invalid(String(error.details.path ?? '$'), error.message);
  }
}

function parametersOf(value: Json | undefined): Template['parameters'] {
  const parameters = new Map<string, { readonly defaultText?: string }>();
  for (const [name, each, path] of entriesAt(value, '$.Parameters', parametersMax)) {
    if (!/^[a-zA-Z0-9:_.-]{1,128}$/.test(name)) throw invalid(path, 'not a name of a parameter');
    const { Type, Default } = objectAt(each, path, ['Type', 'Default', 'Description']);
    if (Type !== 'String') throw invalid(path, 'expected `"Type": "String"`');
    if (Default !== undefined && typeof Default !== 'string')
      throw invalid(jsonMemberPath(path, 'Default'), 'expected a text');
    if (name.startsWith('AWS::')) continue; // given by the platform; declared or not makes no difference
    parameters.set(name, Default === undefined ? {} : { defaultText: Default });
  }
  return parameters;
}

function mappingsOf(value: Json | undefined): Mappings {
  const texts = entriesAt(value, '$.Mappings', 64).map(([name, table, path]) => {
    const rows = entriesAt(table, path, 256).map(([key, row, at]) => [key, rowOf(row, at)] as const);
    return [name, new Map(rows)] as const;
  });
  return new Map(texts);
}

function rowOf(value: Json, path: string): ReadonlyMap<string, string> {
  const entries = entriesAt(value, path, 64).map(([key, text, at]) => {
    if (typeof text !== 'string') throw invalid(at, 'expected a text');
    return [key, text] as const;
  });
  return new Map(entries);
}

interface Resource {
  readonly type: string;
  readonly path: string;
  readonly properties: Json | undefined;
  readonly overrides: Json | undefined;
}

function resourcesOf(value: Json | undefined): readonly Resource[] {
  return entriesAt(value, '$.Resources', resourcesMax).map(([, each, path]) => {
    const { Type, Properties, OverrideSettings } = objectAt(each, path, [
      'Type',
      'Properties',
      'OverrideSettings',
    ]);
    const types = [thingType, certificateType, policyType];
    if (typeof Type !== 'string' || !types.includes(Type))
      throw invalid(jsonMemberPath(path, 'Type'), `not known; there are ${types.join(', ')}`);
    return { type: Type, path, properties: Properties, overrides: OverrideSettings };
  });
}

function only(resources: readonly Resource[], type: string): Resource {
  const [first, second] = resources.filter((each) => each.type === type);
  if (first === undefined || second !== undefined)
    throw invalid('$.Resources', `exactly one resource of type ${type} is needed`);
  return first;
}

const replaceable = ['DO_NOTHING', 'REPLACE', 'FAIL'] as const;

function thingOf({ path, properties, overrides }: Resource, names: Names): Template['thing'] {
  const inside = jsonMemberPath(path, 'Properties');
  const given = objectAt(properties, inside, [
    'ThingName',
    'ThingTypeName',
    'AttributePayload',
    'ThingGroups',
  ]);
  const at = (member: string) => jsonMemberPath(inside, member);
  const settings = jsonMemberPath(path, 'OverrideSettings');
  const chosen = objectAt(overrides ?? {}, settings, ['ThingTypeName', 'AttributePayload', 'ThingGroups']);
  const attributes = entriesAt(given.AttributePayload, at('AttributePayload'), attributesMax);
  const choose = <Choice extends string>(member: string, choices: readonly [Choice, ...Choice[]]) =>
    choiceAt(chosen[member], jsonMemberPath(settings, member), choices);
  return {
    name: parseExpression(given.ThingName, at('ThingName'), names),
    ...(given.ThingTypeName === undefined
      ? {}
      : { typeName: parseExpression(given.ThingTypeName, at('ThingTypeName'), names) }),
    attributes: new Map(attributes.map(([key, value, place]) => [key, parseExpression(value, place, names)])),
    groups: listAt(given.ThingGroups, at('ThingGroups')).map(([value, place]) =>
      fixedName(value, place, { names, parse: parseGroupName }),
    ),
    overrides: {
      attributes: choose('AttributePayload', [...replaceable, 'MERGE']),
      typeName: choose('ThingTypeName', replaceable),
      // What a thing that is there belongs to, and so what its other certificates may do, is for an operator to change.
      groups: choose('ThingGroups', ['DO_NOTHING', 'FAIL']),
    },
  };
}

function listAt(value: Json | undefined, path: string): readonly (readonly [Json, string])[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(path, 'expected a list');
  return (value as readonly Json[]).map((each, index) => [each, `${path}[${index}]`]);
}

function certificateOf({ path, properties, overrides }: Resource): Template['certificate'] {
  const inside = jsonMemberPath(path, 'Properties');
  const { CertificateId, Status, ThingPrincipalType } = objectAt(properties, inside, [
    'CertificateId',
    'Status',
    'ThingPrincipalType',
  ]);
  if (!isObject(CertificateId) || CertificateId.Ref !== 'AWS::IoT::Certificate::Id')
    throw invalid(jsonMemberPath(inside, 'CertificateId'), 'expected {"Ref": "AWS::IoT::Certificate::Id"}');
  const settings = jsonMemberPath(path, 'OverrideSettings');
  const { Status: override } = objectAt(overrides ?? {}, settings, ['Status']);
  // The certificate is always new, so that each choice comes to the same.
  choiceAt(override, jsonMemberPath(settings, 'Status'), replaceable);
  const kinds = ['NON_EXCLUSIVE_THING', 'EXCLUSIVE_THING'] as const;
  return {
    isActive: choiceAt(Status, jsonMemberPath(inside, 'Status'), ['ACTIVE', 'INACTIVE']) === 'ACTIVE',
    isExclusive:
      choiceAt(ThingPrincipalType, jsonMemberPath(inside, 'ThingPrincipalType'), kinds) === kinds[1],
  };
}

function policyOf({ path, properties }: Resource, names: Names): Fixed<PolicyName> {
  const inside = jsonMemberPath(path, 'Properties');
  if (isObject(properties) && 'PolicyDocument' in properties)
    throw invalid(
      jsonMemberPath(inside, 'PolicyDocument'),
      'name a policy that exists with `PolicyName`: make it with `fleetward policy create`, which lints and proves it',
    );
  const { PolicyName } = objectAt(properties, inside, ['PolicyName']);
  return fixedName(PolicyName, jsonMemberPath(inside, 'PolicyName'), { names, parse: parsePolicyName });
}

/** A device must not choose its own rights: a literal, or one of the texts of a mapping. */
function fixedName<Name extends string>(
  value: Json | undefined,
  path: string,
  { names, parse }: { readonly names: Names; readonly parse: (text: unknown) => Name },
): Fixed<Name> {
  const named = (text: unknown): Name => {
    try {
      return parse(text);
    } catch (error) {
      throw isAppError(error) ? invalid(path, error.message) : error;
    }
  };
  const expression = parseExpression(value, path, names);
  if (expression.kind === 'text') return { kind: 'name', name: named(expression.text) };
  if (expression.kind !== 'find')
    throw invalid(path, 'a policy or group gives rights: expected its name, or `Fn::FindInMap`');
  const rows = names.mappings.get(expression.map)?.values() ?? [];
  const texts = [...rows].flatMap((row) =>
    expression.second.kind === 'text' ? [row.get(expression.second.text)] : [...row.values()],
  );
  const found = texts.filter((text) => text !== undefined).map(named);
  return { kind: 'find', expression, names: [...new Set(found)] };
}
