// Writes docs/reference/settings.md from the schema of the settings; `tools/test/docs-settings.test.ts` fails when it is stale.
// Run it with: npx node --conditions=fleetward-source tools/docs-settings.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settings } from '@fleetward/server';

/** What of a JSON Schema the page shows. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** Where the page lives in the repository. */
export const settingsPagePath = join(import.meta.dirname, '../docs/reference/settings.md');

const introduction = `# Settings

<!-- Generated from packages/server/src/settings.ts and settings/ by tools/docs-settings.ts: edit the descriptions there. -->

Settings of \`fleetward init\` and \`fleetward serve\`. Later ones win:

1. the defaults below;
2. a YAML file: \`--config /etc/fleetward/fleetward.yaml\`;
3. the environment: the path in upper snake case after \`FLEETWARD_\`, levels joined by two underscores
   (\`FLEETWARD_LISTENERS__MQTT__PORT=8883\`);
4. \`--set listeners.mqtt.port=8883\`, and \`--folder\`. Lists and mappings are JSON: \`--set 'weakKeyBlacklist=["own.list"]'\`.

A setting that does not exist, or a value out of its bounds, is an error and nothing is started. The exception is the
environment: a variable whose first part names no setting is taken for another program's. Names end with their unit.
`;

/** The whole page. */
export function settingsPage(): string {
  return [introduction, ...sectionsOf(settings as Schema, '')].join('\n');
}

/** A table for the plain settings of a section, then the sections inside it. */
function sectionsOf(section: Schema, path: string): readonly string[] {
  const entries = Object.entries(section.properties ?? {});
  const plain = entries.filter(([, schema]) => schema.properties === undefined);
  const inner = entries.filter(([, schema]) => schema.properties !== undefined);
  const table = plain.length === 0 ? [] : [tableOf(section, { path, plain })];
  return [...table, ...inner.flatMap(([name, schema]) => sectionsOf(schema, join(path, name)))];
}

function tableOf(
  section: Schema,
  { path, plain }: { readonly path: string; readonly plain: readonly (readonly [string, Schema])[] },
): string {
  const title = path === '' ? 'Top level' : `\`${dotted(path)}\``;
  const rows = plain.map(([name, schema]) => {
    const facts = [typeOf(schema), defaultOf(schema), boundsOf(schema), schema.description ?? ''];
    return [`\`${dotted(join(path, name))}\``, ...facts].map(cell);
  });
  const table = alignedTable([['Setting', 'Type', 'Default', 'Bounds', 'Meaning'], ...rows]);
  return `## ${title}\n\n${section.description ?? ''}\n\n${table}\n`;
}

/** As the formatter would align it, so that it leaves the page alone. */
function alignedTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function dotted(path: string): string {
  return path.replaceAll('/', '.');
}

function typeOf(schema: Schema): string {
  if (schema.anyOf === undefined)
    return schema.type === 'array' ? `list of ${schema.items?.type}` : `${schema.type}`;
  return schema.anyOf.map((choice) => `\`${choiceOf(choice)}\``).join(', ');
}

/** `info`, or `{kind: file, path}`. */
function choiceOf(choice: Schema): string {
  if (choice.const !== undefined) return String(choice.const);
  const members = Object.entries(choice.properties ?? {}).map(([name, { const: fixed }]) =>
    fixed === undefined ? name : `${name}: ${fixed}`,
  );
  return `{${members.join(', ')}}`;
}

function defaultOf({ default: standard }: Schema): string {
  return `\`${typeof standard === 'string' ? standard || '(empty)' : JSON.stringify(standard)}\``;
}

function boundsOf(schema: Schema): string {
  const { minimum, maximum, minItems, maxItems, minLength, maxLength, pattern } = schema;
  if (pattern !== undefined) return `\`${pattern}\``;
  const range = rangeOf(minimum, maximum);
  if (range !== '') return range;
  const items = rangeOf(minItems, maxItems);
  if (items !== '') return `${items} entries`;
  if (minLength === 1 && maxLength === undefined) return 'not empty';
  const characters = rangeOf(minLength, maxLength);
  return characters === '' ? '' : `${characters} characters`;
}

function rangeOf(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return least === undefined ? '' : `from ${least}`;
  return `${least ?? 0} to ${most}`;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.main) writeFileSync(settingsPagePath, settingsPage());
