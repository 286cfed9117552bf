import { type Json, type JsonObject, jsonMemberPath } from '@fleetward/core';
import { associateThing } from './association.ts';
import type {
  CertificateContext,
  CertificateName,
  ConnectContext,
  PrincipalContext,
  ThingContext,
} from './context.ts';
import { IssueList, shown } from './issues.ts';
import { isJsonObject, jsonTypeOf, listItems } from './json-shapes.ts';
import { ALTERNATIVE_NAMES, NAME_ATTRIBUTES } from './variables.ts';

/** Where a value stands and where its problems go. */
interface Place {
  readonly path: string;
  readonly issues: IssueList;
}

/** Parses the context of a request on paper by itself. Throws `policy.request` with every issue. */
export function parsePrincipalContext(value: Json): PrincipalContext {
  const issues = new IssueList();
  const context = readContext(value, { path: '$', issues });
  issues.assertEmpty({ code: 'policy.request', subject: 'context' });
  return context;
}

/**
 * Reads the `context` of a request on paper. A thing that is not named as the client id, and not `exclusive`, is left
 * out, as for a connection.
 */
export function readContext(value: Json | undefined, place: Place): PrincipalContext {
  const members = ['clientId', 'sourceIp', 'domainName', 'thing', 'certificate', 'connect'];
  const json = readObject(value ?? {}, members, place);
  const clientId = readText(json.clientId, below(place, 'clientId'));
  return compact({
    clientId,
    sourceIp: readText(json.sourceIp, below(place, 'sourceIp')),
    domainName: readText(json.domainName, below(place, 'domainName')),
    thing: optional(json.thing, (thing) => readThing(thing, clientId, below(place, 'thing'))),
    certificate: optional(json.certificate, (item) => readCertificate(item, below(place, 'certificate'))),
    connect: optional(json.connect, (item) => readConnect(item, below(place, 'connect'))),
  });
}

function readThing(value: Json, clientId: string | undefined, place: Place): ThingContext | undefined {
  const json = readObject(value, ['name', 'type', 'attributes', 'exclusive'], place);
  const name = readText(json.name, below(place, 'name'), 'required') ?? '';
  const exclusive = readFlag(json.exclusive, below(place, 'exclusive'));
  const attributes = optional(json.attributes, (item) => readTexts(item, below(place, 'attributes')));
  const association = associateThing([{ thingName: name, exclusive }], clientId ?? name);
  if (association.kind === 'unassociated') return undefined;
  return { name, ...compact({ typeName: readText(json.type, below(place, 'type')), attributes }) };
}

function readCertificate(value: Json, place: Place): CertificateContext {
  const json = readObject(value, ['id', 'serialNumber', 'subject', 'issuer'], place);
  return {
    id: readText(json.id, below(place, 'id'), 'required') ?? '',
    ...compact({
      serialNumber: readText(json.serialNumber, below(place, 'serialNumber')),
      subject: optional(json.subject, (item) => readName(item, below(place, 'subject'))),
      issuer: optional(json.issuer, (item) => readName(item, below(place, 'issuer'))),
    }),
  };
}

function readName(value: Json, place: Place): CertificateName {
  const json = readObject(value, [...NAME_ATTRIBUTES, 'AlternativeName'], place);
  const alternative = optional(json.AlternativeName, (item) => {
    const at = below(place, 'AlternativeName');
    return readLists(readObject(item, ALTERNATIVE_NAMES, at), ALTERNATIVE_NAMES, at);
  });
  return { ...readLists(json, NAME_ATTRIBUTES, place), ...compact({ AlternativeName: alternative }) };
}

function readLists<Key extends string>(json: JsonObject, keys: readonly Key[], place: Place) {
  const lists: { [K in Key]?: readonly string[] } = {};
  for (const key of keys) {
    const value = json[key];
    const at = below(place, key);
    if (value === undefined) continue;
    lists[key] = listItems(value, at.path).map(
      (item) => readText(item.value, { ...at, path: item.path }) ?? '',
    );
  }
  return lists;
}

function readConnect(value: Json, place: Place): ConnectContext {
  const json = readObject(value, ['persistent', 'willTopic'], place);
  return {
    persistent: readFlag(json.persistent, below(place, 'persistent')),
    ...compact({ willTopic: readText(json.willTopic, below(place, 'willTopic')) }),
  };
}

function readTexts(value: Json, place: Place): Readonly<Record<string, string>> {
  const json = readObject(value, undefined, place);
  const texts: Record<string, string> = {};
  for (const [key, item] of Object.entries(json)) texts[key] = readText(item, below(place, key)) ?? '';
  return texts;
}

/** The object, or an empty one and an issue; members outside `members` are refused, never ignored. */
export function readObject(value: Json, members: readonly string[] | undefined, place: Place): JsonObject {
  if (!isJsonObject(value)) {
    place.issues.add(place.path, { message: `found ${jsonTypeOf(value)}`, expected: 'an object' });
    return {};
  }
  for (const key of Object.keys(value)) {
    if (members === undefined || members.includes(key)) continue;
    place.issues.add(jsonMemberPath(place.path, key), {
      message: `the member ${shown(key)} is unknown`,
      expected: `only ${members.join(', ')}`,
    });
  }
  return value;
}

export function readText(
  value: Json | undefined,
  { path, issues }: Place,
  presence: 'optional' | 'required' = 'optional',
): string | undefined {
  if (typeof value === 'string') return value;
  if (value !== undefined || presence === 'required') {
    issues.add(path, { message: `found ${jsonTypeOf(value)}`, expected: 'a string' });
  }
  return undefined;
}

function readFlag(value: Json | undefined, { path, issues }: Place): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    issues.add(path, { message: `found ${jsonTypeOf(value)}`, expected: 'true or false' });
  }
  return value === true;
}

export function below({ path, issues }: Place, key: string): Place {
  return { path: jsonMemberPath(path, key), issues };
}

function optional<Value>(value: Json | undefined, read: (value: Json) => Value): Value | undefined {
  return value === undefined ? undefined : read(value);
}

type Compact<Fields> = { readonly [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** Leaves absent members out, so that "not there" has one form. */
function compact<Fields extends object>(fields: Fields): Compact<Fields> {
  // `Object.fromEntries` forgets the keys' names: the cast gives them back.
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Compact<Fields>;
}
