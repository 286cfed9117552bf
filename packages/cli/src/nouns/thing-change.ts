import { removeThing, updateThing } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import { usage } from '../errors.ts';
import type { Shell } from '../shell.ts';

interface UpdateFlags {
  readonly type?: string | false;
  readonly attribute?: readonly string[];
  readonly removeAttribute?: readonly string[];
}

export function addThingUpdate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'update <thing-name>', {
    summary: 'change the type and attributes of a thing',
    description:
      'Sets or takes away the type and attributes that are named; the others stay. Policies that name them decide by the new values from the next packet on.',
    examples: [
      'fleetward thing update lamp-7 --attribute site=yard',
      'fleetward thing update lamp-7 --no-type --remove-attribute site',
    ],
  })
    .option('--type <name>', 'its type from now on')
    .option('--no-type', 'it has no type')
    .addOption(repeatable('--attribute <name=value>', 'a fact about it'))
    .addOption(repeatable('--remove-attribute <name>', 'a fact no longer kept'))
    .action(async (thingName: string, flags: UpdateFlags) => {
      const body = changeOf(flags);
      const thing = await withApi((api) => api.call(updateThing, { params: { thingName }, body }));
      output.done(thing, `thing \`${thingName}\` is changed`);
    });
}

function changeOf({ type, attribute = [], removeAttribute = [] }: UpdateFlags) {
  const attributes: Record<string, string | null> = Object.fromEntries(attribute.map(parseAttribute));
  for (const name of removeAttribute) attributes[name] = null;
  return { ...(type === undefined ? {} : { typeName: type === false ? null : type }), attributes };
}

/** `NAME=VALUE`. */
export function parseAttribute(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw usage(`\`--attribute ${text}\` is not \`NAME=VALUE\``);
  return [text.slice(0, at), text.slice(at + 1)];
}

export function addThingDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <thing-name>', {
    summary: 'delete a thing that no certificate speaks for',
    description:
      'Deletes a thing with everything kept of it: its groups, its last report. Detach or revoke its certificates first. The trail keeps what happened.',
    examples: ['fleetward thing delete lamp-7'],
  }).action(async (thingName: string) => {
    await withApi((api) => api.call(removeThing, { params: { thingName } }));
    output.done({ thingName, outcome: 'deleted' }, `thing \`${thingName}\` is deleted`);
  });
}
