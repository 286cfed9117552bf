import { removeThing, setThingState, updateThing } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import type { Shell } from '../shell.ts';
import { assertSomeGiven, changedPairs } from './pairs.ts';

interface UpdateFlags {
  readonly type?: string | false;
  readonly attribute?: readonly string[];
  readonly removeAttribute?: readonly string[];
  readonly tag?: readonly string[];
  readonly removeTag?: readonly string[];
}

export function addThingUpdate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'update <thing-name>', {
    summary: 'change the type, attributes and tags of a thing',
    description:
      'Sets or takes away the type, attributes and tags that are named; the others stay. Policies that name them decide by the new values from the next packet on.',
    examples: [
      'fleetward thing update lamp-7 --attribute site=yard',
      'fleetward thing update lamp-7 --no-type --remove-attribute site',
    ],
  })
    .option('--type <name>', 'its type from now on')
    .option('--no-type', 'it has no type')
    .addOption(repeatable('--attribute <name=value>', 'a fact about it'))
    .addOption(repeatable('--remove-attribute <name>', 'a fact no longer kept'))
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by'))
    .addOption(repeatable('--remove-tag <name>', 'a mark no longer kept'))
    .action(async (thingName: string, flags: UpdateFlags) => {
      assertSomeGiven(flags, '--attribute site=yard');
      const body = changeOf(flags);
      const thing = await withApi((api) => api.call(updateThing, { params: { thingName }, body }));
      output.done(thing, `thing \`${thingName}\` is changed`);
    });
}

function changeOf({ type, attribute, removeAttribute, tag, removeTag }: UpdateFlags) {
  return {
    ...(type === undefined ? {} : { typeName: type === false ? null : type }),
    attributes: changedPairs('--attribute', { set: attribute, remove: removeAttribute }),
    tags: changedPairs('--tag', { set: tag, remove: removeTag }),
  };
}

const states = ['manufactured', 'provisioned', 'active', 'quarantined', 'retired'] as const;

export function addThingSetState(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'set-state <thing-name>', {
    summary: 'put a thing into another state of its life',
    description:
      'Says where a thing stands in its life. `quarantined` and `retired` cut its connections at once and let no device of it connect, over whatever protocol, until it is `active` again; nothing leaves `retired`.',
    examples: [
      "fleetward thing set-state lamp-7 --to quarantined --reason 'sends what no lamp sends'",
      'fleetward thing set-state lamp-7 --to active',
    ],
  })
    .addOption(new Option('--to <state>', 'the state').choices(states).makeOptionMandatory())
    .option('--reason <text>', 'for the trail')
    .action(async (thingName: string, { to, reason }: { to: (typeof states)[number]; reason?: string }) => {
      const body = { lifecycleState: to, ...(reason === undefined ? {} : { reason }) };
      const thing = await withApi((api) => api.call(setThingState, { params: { thingName }, body }));
      output.done(thing, `thing \`${thingName}\` is ${thing.lifecycleState}`);
    });
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
