import { csvLine } from '../csv.ts';
import { jsonLine } from '../printable.ts';
import { csvHeader } from './parse-thing-line.ts';

/** What an export tells of a thing, and an import understands. */
export interface ExportedThing {
  readonly thingName: string;
  readonly typeName?: string;
  readonly lifecycleState: string;
  readonly groupNames: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface ThingFormatter {
  /** What the lines stand under. */
  readonly header: string;
  readonly line: (thing: ExportedThing) => string;
}

export const thingFormatters: Readonly<Record<'csv' | 'jsonl', ThingFormatter>> = {
  csv: { header: `${csvHeader}\n`, line: formatCsvThing },
  jsonl: { header: '', line: formatJsonThing },
};

function formatJsonThing(thing: ExportedThing): string {
  const { thingName, typeName, lifecycleState, groupNames, attributes, tags } = thing;
  return `${jsonLine({ thingName, typeName, lifecycleState, groupNames, attributes, tags })}\n`;
}

/** In the order of `csvHeader`. Attributes and tags are JSON: which names there are, nobody knows before the end, and a text may be empty. */
function formatCsvThing(thing: ExportedThing): string {
  const { thingName, typeName = '', lifecycleState, groupNames, attributes, tags } = thing;
  const named = [thingName, typeName].map(guarded);
  const groups = guarded(groupNames.join(' '));
  return `${csvLine([...named, lifecycleState, groups, textsCell(attributes), textsCell(tags)])}\n`;
}

function textsCell(texts: Readonly<Record<string, string>>): string {
  return Object.keys(texts).length === 0 ? '' : jsonLine(texts);
}

/** A spreadsheet would take it for a formula. */
function guarded(cell: string): string {
  return cell.startsWith('-') ? `'${cell}` : cell;
}
