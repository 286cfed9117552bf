import type { ThingContext } from '../context.ts';
import { parseVariable } from '../variables.ts';
import type { SketchEntry, SketchLevel } from './sketch-entry.ts';

// A level of a template is a text with its kind in front, so that patterns of templates are patterns of sketches: `=text` or `$variable`.
const LITERAL = '=';
const VARIABLE = '$';
const THING_NAME = `${VARIABLE}iot:Connection.Thing.ThingName`;
const templatesPerEntryMax = 16;

/** The ways to write what a thing did in terms of its name, type and attributes, the plainest first. */
export function templatesOf(entry: SketchEntry, thing: ThingContext): readonly SketchEntry[] {
  let templates: readonly (readonly SketchLevel[])[] = [[]];
  for (const level of entry.levels) {
    const ways = waysToWrite(level, thing);
    const room = Math.max(1, Math.floor(templatesPerEntryMax / templates.length));
    templates = ways
      .slice(0, room)
      .flatMap((way) => templates.map((template) => [...template, way]))
      .toSorted((one, other) => variablesIn(one) - variablesIn(other));
  }
  return templates.map((levels) => ({ ...entry, levels }));
}

/** A level that is the thing's name is always written so: another thing's name in its place is what must not be allowed. */
function waysToWrite(
  level: SketchLevel,
  { name, typeName, attributes = {} }: ThingContext,
): readonly SketchLevel[] {
  if (level === null) return [null];
  if (level === name) return [THING_NAME];
  const ways = [LITERAL + level];
  if (!isSubstituted(level)) return ways;
  if (level === typeName) ways.push(`${VARIABLE}iot:Connection.Thing.ThingTypeName`);
  for (const [attribute, value] of Object.entries(attributes)) {
    const variable = `iot:Connection.Thing.Attributes[${attribute}]`;
    if (value === level && parseVariable(variable) !== undefined) ways.push(VARIABLE + variable);
  }
  return ways;
}

/** What a policy engine puts in place of a variable. */
function isSubstituted(text: string): boolean {
  return text !== '' && !/[+#*?]/.test(text);
}

/** How many levels are written as the thing's type or an attribute. */
export function variablesIn(levels: readonly SketchLevel[]): number {
  return levels.filter((level) => level?.startsWith(VARIABLE) === true && level !== THING_NAME).length;
}

/** The variables a template uses, each once. */
export function variableNames({ levels }: Pick<SketchEntry, 'levels'>): readonly string[] {
  const used = levels.flatMap((level) => (level?.startsWith(VARIABLE) ? [level.slice(VARIABLE.length)] : []));
  return [...new Set(used)].sort();
}

export function isLiteral(level: SketchLevel | undefined): level is string {
  return level?.startsWith(LITERAL) === true;
}

/** The name's patterns as a policy writes them; two when anything may follow, since `/` is then not always there. */
export function namePatterns({ levels, isOpen }: Pick<SketchEntry, 'levels' | 'isOpen'>): readonly string[] {
  const text = levels.map(levelText).join('/');
  if (!isOpen) return [text];
  return levels.length === 0 ? ['*'] : [text, `${text}/*`];
}

function levelText(level: SketchLevel): string {
  if (level === null) return '*';
  const text = level.slice(1);
  return level.startsWith(VARIABLE)
    ? `\${${text}}`
    : text.replace(/[*?]|\$(?=[{(])/g, (special) => `\${${special}}`);
}
