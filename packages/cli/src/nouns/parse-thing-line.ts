import { isAppError, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { csvFields } from '../csv.ts';

/** More than what the platform keeps of a thing takes with every character escaped. */
export const thingLineBytesMax = 524_288;
/** Twice what the platform keeps: beyond, it need not be asked. */
const thingBytesMax = 131_072;
const lifecycleStates = ['manufactured', 'provisioned', 'active', 'quarantined', 'retired'] as const;

/** What a line says of a thing; what it does not name is not there. Whether the names may be is for the platform to say. */
export interface ThingLine {
  readonly thingName: string;
  readonly typeName?: string;
  readonly attributes?: Record<string, string>;
  readonly tags?: Record<string, string>;
  readonly groupNames?: string[];
  readonly lifecycleState?: (typeof lifecycleStates)[number];
}

/** What is wrong with a line, for who wrote it. */
export interface LineFault {
  readonly fault: string;
}

const jsonFields = ['thingName', 'typeName', 'attributes', 'tags', 'groupNames', 'lifecycleState'];
const csvColumns = ['name', 'type', 'state', 'groups', 'attributes', 'tags'] as const;
export const csvHeader = csvColumns.join(',');

interface Column {
  readonly column: (typeof csvColumns)[number];
  /** Of a column `attribute.NAME` or `tag.NAME`. */
  readonly key?: string;
}

/** The columns of a CSV in its order; undefined where one is unknown or there twice, or none is `name`. */
export function parseCsvHeader(line: string): readonly Column[] | undefined {
  const names = (csvFields(line) ?? []).map(trimmed);
  const columns = names.map(columnOf).filter((column) => column !== undefined);
  const isWhole = columns.length === names.length && new Set(names).size === names.length;
  return isWhole && names.includes('name') ? columns : undefined;
}

function columnOf(name: string): Column | undefined {
  const column = csvColumns.find((known) => known === name);
  if (column !== undefined) return { column };
  const [, kind, key] = /^(attribute|tag)\.(.+)$/.exec(name) ?? [];
  return key === undefined ? undefined : { column: kind === 'tag' ? 'tags' : 'attributes', key };
}

/** One line of CSV under its header. An empty field says nothing. */
export function parseCsvLine(line: string, columns: readonly Column[]): ThingLine | LineFault {
  const fields = csvFields(line);
  if (fields?.length !== columns.length)
    return { fault: `not ${columns.length} fields, separated by commas and quoted where they hold one` };
  const attributes: [string, Json][] = [];
  const tags: [string, Json][] = [];
  const value: Record<string, Json> = {};
  for (const [at, { column, key }] of columns.entries()) {
    const cell = fields[at] ?? '';
    if (cell === '') continue;
    if (column === 'name') value.thingName = unguarded(cell);
    else if (column === 'type') value.typeName = unguarded(cell);
    else if (column === 'state') value.lifecycleState = trimmed(cell);
    else if (column === 'groups') value.groupNames = unguarded(cell).split(/[ \t]+/);
    else {
      const entries = key === undefined ? jsonEntries(cell) : [[key, cell] as [string, Json]];
      if (entries === undefined)
        return { fault: `\`${column}\` is not a JSON object, such as {"site":"hall"}` };
      (column === 'tags' ? tags : attributes).push(...entries);
    }
  }
  if (hasTwice(attributes) || hasTwice(tags)) return { fault: 'an attribute or tag is given by two columns' };
  return thingOf({
    ...value,
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(tags.length === 0 ? {} : { tags: Object.fromEntries(tags) }),
  });
}

function jsonEntries(cell: string): [string, Json][] | undefined {
  const value = jsonOf(cell);
  return isObject(value) ? Object.entries(value) : undefined;
}

function hasTwice(entries: readonly [string, Json][]): boolean {
  return new Set(entries.map(([name]) => name)).size !== entries.length;
}

/** One line of JSON, as the API names the fields. */
export function parseJsonThing(line: string): ThingLine | LineFault {
  const value = jsonOf(line);
  return isObject(value) ? thingOf(value) : { fault: 'not a JSON object' };
}

function jsonOf(text: string): Json | undefined {
  try {
    return parseStrictJson(text, { bytesMax: thingLineBytesMax, depthMax: 4 });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return undefined;
  }
}

function thingOf(value: JsonObject): ThingLine | LineFault {
  const unknown = Object.keys(value).find((name) => !jsonFields.includes(name));
  if (unknown !== undefined)
    return { fault: `there is no field \`${unknown.slice(0, 64)}\`; there are ${jsonFields.join(', ')}` };
  const { thingName, typeName, attributes, tags, groupNames, lifecycleState } = value;
  if (typeof thingName !== 'string' || thingName === '') return { fault: 'it has no name' };
  if (typeName !== undefined && typeof typeName !== 'string') return { fault: 'the type is not text' };
  if (!isTexts(attributes) || !isTexts(tags))
    return { fault: 'attributes and tags are objects of texts, such as {"site":"hall"}' };
  if (groupNames !== undefined && !isTextList(groupNames))
    return { fault: 'the groups are not a list of names' };
  const state = lifecycleStates.find((known) => known === lifecycleState);
  if (lifecycleState !== undefined && state === undefined)
    return { fault: `the state is one of ${lifecycleStates.join(', ')}` };
  const thing = {
    thingName,
    ...(typeName === undefined ? {} : { typeName }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(tags === undefined ? {} : { tags }),
    ...(groupNames === undefined ? {} : { groupNames }),
    ...(state === undefined ? {} : { lifecycleState: state }),
  };
  const isTooLarge = Buffer.byteLength(JSON.stringify(thing)) > thingBytesMax;
  return isTooLarge ? { fault: `it says more than ${thingBytesMax} bytes of the thing` } : thing;
}

/** A spreadsheet takes a cell that begins with `-` for a formula: an export puts an apostrophe before it, which no name has. */
function unguarded(cell: string): string {
  return trimmed(cell).replace(/^'(?=-)/, '');
}

function trimmed(cell: string): string {
  return cell.replace(/^[ \t]+|[ \t]+$/g, '');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: Json | undefined): value is Record<string, string> | undefined {
  return (
    value === undefined || (isObject(value) && Object.values(value).every((text) => typeof text === 'string'))
  );
}

function isTextList(value: Json): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
