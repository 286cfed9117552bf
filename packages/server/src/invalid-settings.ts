import { Value } from 'typebox/value';
import { ConfigError } from './config-error.ts';
import { asMeant } from './form-meant.ts';
import { nearestName } from './nearest-name.ts';
import { settings } from './settings.ts';

/** Where a value of a setting may come from; the first that has it is the one that counts. */
export interface SettingsSource {
  readonly name: string;
  readonly values: object;
}

type SettingError = ReturnType<typeof Value.Errors>[number];

export const whereSettingsAre = 'docs/reference/settings.md has every setting';

const errorsMax = 10;

/** Every reason why settings cannot be used, with the place each one was read from. */
export function invalidSettings(config: unknown, sources: readonly SettingsSource[]): ConfigError {
  const reasons = Value.Errors(asMeant(settings, config), config).flatMap((error) =>
    reasonsOf(error, sources),
  );
  const errors = [...new Set(reasons)].slice(0, errorsMax);
  const message = `the settings cannot be used: ${errors.join('; ')} (${whereSettingsAre})`;
  return new ConfigError('config.invalid', message, { details: { errors } });
}

/** An unknown setting is reported twice: by its section, and as a `false` schema of its own, which says nothing more. */
function reasonsOf(error: SettingError, sources: readonly SettingsSource[]): readonly string[] {
  if (error.keyword === 'boolean') return [];
  const path = error.instancePath.split('/').slice(1);
  const where = (names: readonly string[]): string => originOf(names, sources);
  const place = path.length === 0 ? 'settings' : path.join('.');
  if (error.keyword === 'enum')
    return [`\`${place}\` must be one of ${error.params.allowedValues.join(', ')}${where(path)}`];
  if (error.keyword !== 'additionalProperties') return [`\`${place}\` ${error.message}${where(path)}`];
  return error.params.additionalProperties.map((name) => {
    const meant = nearestName(name, namesAt(path));
    const suggestion = meant === undefined ? '' : `, did you mean \`${meant}\`?`;
    return `\`${place}\` has no setting \`${name}\`${suggestion}${where([...path, name])}`;
  });
}

function originOf(path: readonly string[], sources: readonly SettingsSource[]): string {
  const source = sources.find(({ values }) => memberAt(values, path) !== undefined);
  return source === undefined ? '' : ` (in ${source.name})`;
}

/** The settings of a section of the schema. */
function namesAt(path: readonly string[]): readonly string[] {
  const section = memberAt(
    settings,
    path.flatMap((name) => ['properties', name]),
  );
  const properties = memberAt(section, ['properties']);
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, name)) return undefined;
    inner = Reflect.get(inner, name);
  }
  return inner;
}
