import type { Command } from 'commander';
import { repeatable } from '../define.ts';
import { usage } from '../errors.ts';

/** The flags of `init` and `serve`. */
export interface SettingsFlags {
  readonly config?: string;
  readonly folder?: string;
  readonly set?: readonly string[];
}

/** Adds the flags that choose the settings of a platform. */
export function addSettingsFlags(command: Command): Command {
  return command
    .option('--config <file>', 'settings file, YAML')
    .option('--folder <folder>', 'folder of the records, the keys and the artifacts')
    .addOption(repeatable('--set <name=value>', 'one setting, such as `listeners.mqtt.port=8883`'));
}

/** What `loadConfig` is given: flags win over the environment, and that over the file. */
export function settingsSources(
  { config, folder, set = [] }: SettingsFlags,
  environment: Readonly<Record<string, string | undefined>>,
) {
  const overrides = { ...overridesOf(set), ...(folder === undefined ? {} : { folder }) };
  return { environment, overrides, ...(config === undefined ? {} : { file: config }) };
}

interface Overrides {
  [name: string]: unknown;
}

function overridesOf(assignments: readonly string[]): object {
  const overrides: Overrides = {};
  for (const assignment of assignments) {
    const [, path, value] = /^([a-zA-Z]+(?:\.[a-zA-Z]+)*)=(.*)$/s.exec(assignment) ?? [];
    if (path === undefined || value === undefined) {
      throw usage(
        `\`--set ${assignment}\` is not \`NAME=VALUE\``,
        'such as `--set listeners.mqtt.port=8883`',
      );
    }
    assign(overrides, { path: path.split('.'), value: parseValue(path, value) });
  }
  return overrides;
}

function assign(
  into: Overrides,
  { path, value }: { readonly path: readonly string[]; readonly value: unknown },
): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    into[name] = value;
    return;
  }
  const inner: Overrides = {};
  into[name] = Object.assign(inner, into[name]);
  assign(inner, { path: rest, value });
}

/** Lists and mappings are written as JSON; everything else is text that the settings convert themselves. */
function parseValue(path: string, text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  const value = parseJson(text);
  if (value !== undefined) return value;
  const quoted = quoteTexts(text);
  const example = parseJson(quoted) === undefined ? '["a","b"]' : quoted;
  throw usage(
    `\`--set ${path}=${text}\` is neither a list nor a mapping in JSON, which a value that begins so must be`,
    `put texts into double quotes, and all into single ones for the shell: \`--set '${path}=${example}'\``,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As JSON writes it what YAML takes without quotes or in single ones, and what a shell took the quotes of. */
function quoteTexts(text: string): string {
  return text.replace(/"[^"]*"|'[^']*'|[^\s[\]{},:"']+/g, (word) =>
    parseJson(word) === undefined ? JSON.stringify(word.replace(/^'(.*)'$/s, '$1')) : word,
  );
}
