import { type JsonObject, parseStrictJson } from '@fleetward/core';
import { deleteShadow, getShadow, listShadows, updateShadow } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit, whole } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { readPages } from '../pages.ts';
import { printable } from '../printable.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';

interface Named {
  readonly name?: string;
}

/** Largest update that is read; the platform has a bound of its own. */
const updateBytesMax = 65_536;

/** `fleetward shadow …`: what things report of themselves and what is desired of them. */
export function addShadow(noun: Command, shell: Shell): void {
  addList(noun, shell);
  addGet(noun, shell);
  addUpdate(noun, shell);
  addDelete(noun, shell);
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list <thing-name>', {
    summary: 'list the shadows of a thing',
    description: 'Lists the shadows of a thing by name; the classic one has none.',
    examples: ['fleetward shadow list lamp-7'],
  })
    .addOption(limit())
    .action(async (thingName: string, flags: { readonly limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (query) => {
          const { shadows, next } = await api.call(listShadows, { params: { thingName }, query });
          return { items: shadows, next };
        }),
      );
      const columns = {
        shadow: (row: (typeof items)[number]) => (row.shadowName === '' ? '(classic)' : row.shadowName),
        version: (row: (typeof items)[number]) => row.version,
        updated: (row: (typeof items)[number]) => ({ atMs: row.updatedAtMs }),
      };
      output.list(items, columns, 'no shadows');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addGet(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'get <thing-name>', {
    summary: 'get a shadow',
    description:
      'Prints a shadow: what is desired, what is reported, and as `delta` where they differ; with `--json` also when each value was set.',
    examples: ['fleetward shadow get lamp-7', 'fleetward shadow get lamp-7 --name config --json'],
  })
    .option('--name <shadow-name>', 'a named shadow; without it the classic one')
    .action(async (thingName: string, flags: Named) => {
      const document = await withApi((api) =>
        api.call(getShadow, { params: { thingName }, query: queryOf(flags) }),
      );
      if (output.json) output.line(JSON.stringify(document));
      else for (const line of linesOf(document.state)) output.line(printable(line));
      output.note(`version ${document.version}`);
    });
}

function addUpdate(noun: Command, shell: Shell): void {
  addVerb(noun, 'update <thing-name> [file]', {
    summary: 'change what is desired of a thing',
    description:
      'Merges the JSON object of a file, or standard input with `-`, into what is desired: `null` deletes a key, an array is replaced whole, the rest stays. ' +
      'The device is told where that differs from what it reports.',
    examples: [
      `fleetward shadow update lamp-7 --desired '{"on":true}'`,
      'fleetward shadow update lamp-7 desired.json --name config --only-version 7',
    ],
  })
    .option('--desired <json>', 'the object itself in place of a file')
    .option('--name <shadow-name>', 'a named shadow; without it the classic one')
    .addOption(
      whole('--only-version <version>', {
        description: 'make the change only if the shadow has this version',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }),
    )
    .action(
      async (
        thingName: string,
        file: string | undefined,
        flags: Named & { readonly desired?: string; readonly onlyVersion?: number },
      ) => {
        const desired = await readDesired(file, flags.desired, shell);
        const version = flags.onlyVersion === undefined ? {} : { version: flags.onlyVersion };
        const body = { state: { desired }, ...version };
        const document = await shell.withApi((api) =>
          api.call(updateShadow, { params: { thingName }, query: queryOf(flags), body }),
        );
        shell.output.done(document, `${textOf(thingName, flags)} has version ${document.version}`);
      },
    );
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <thing-name>', {
    summary: 'delete a shadow',
    description: 'Deletes a shadow. When it is made again its version counts on.',
    examples: ['fleetward shadow delete lamp-7 --name config'],
  })
    .option('--name <shadow-name>', 'a named shadow; without it the classic one')
    .action(async (thingName: string, flags: Named) => {
      await withApi((api) => api.call(deleteShadow, { params: { thingName }, query: queryOf(flags) }));
      const shadowName = flags.name ?? '';
      output.done({ thingName, shadowName, outcome: 'deleted' }, `${textOf(thingName, flags)} is deleted`);
    });
}

function linesOf(value: object): readonly string[] {
  return JSON.stringify(value, undefined, 2).split('\n');
}

async function readDesired(
  file: string | undefined,
  text: string | undefined,
  { terminal }: Shell,
): Promise<JsonObject> {
  if ((file === undefined) === (text === undefined)) throw usage('give a file, or the object by `--desired`');
  if (file?.trimStart().startsWith('{'))
    throw usage('the second argument is the name of a file', 'give the object itself by `--desired`');
  const bytes =
    file === undefined
      ? Buffer.from(text ?? '')
      : await readInput(file, { terminal, bytesMax: updateBytesMax });
  const value = parseStrictJson(bytes, { bytesMax: updateBytesMax, depthMax: 16 });
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CliError('cli.unreadable', 'what is desired is a JSON object, such as `{"on":true}`');
}

function queryOf({ name }: Named): { readonly shadowName?: string } {
  return name === undefined ? {} : { shadowName: name };
}

function textOf(thingName: string, { name }: Named): string {
  return name === undefined ? `the shadow of \`${thingName}\`` : `shadow \`${name}\` of \`${thingName}\``;
}
