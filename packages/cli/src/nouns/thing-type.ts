import {
  createThingType,
  getThingType,
  listThingTypes,
  removeThingType,
  updateThingType,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit, repeatable } from '../define.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';
import { assertSomeGiven, changedPairs, pairsText, parsePair } from './pairs.ts';

/** `fleetward thing-type …`: what things of a type have to have. */
export function addThingType(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addUpdate(noun, shell);
  addDelete(noun, shell);
}

interface TypeFlags {
  readonly require?: readonly string[] | false;
  readonly tag?: readonly string[];
  readonly removeTag?: readonly string[];
}

const requireHelp = 'an attribute that each thing of the type has to have';

function addCreate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create <type-name>', {
    summary: 'say what things of a type have to have',
    description:
      'Keeps a type, with the attributes that its things require. From then on a thing of the type is neither made nor changed nor imported without them; while things of the type lack one it is refused. A type need not be kept for things to have its name.',
    examples: ['fleetward thing-type create lamp --require serial --require site'],
  })
    .addOption(repeatable('--require <attribute>', requireHelp))
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by'))
    .action(async (typeName: string, { require, tag = [] }: TypeFlags) => {
      const tags = Object.fromEntries(tag.map(parsePair('--tag')));
      const body = { typeName, requiredAttributes: [...(require || [])], tags };
      const type = await withApi((api) => api.call(createThingType, { body }));
      output.done(type, `type \`${typeName}\` is created`);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the types of things that are kept',
    description:
      'Lists the types that are kept, by name. `thing count --by type` tells all that things have.',
    examples: ['fleetward thing-type list'],
  })
    .addOption(limit())
    .action(async (flags: { limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (query) => {
          const { types, next } = await api.call(listThingTypes, { query });
          return { items: types, next };
        }),
      );
      output.list(
        items,
        {
          type: (row) => row.typeName,
          requires: (row) => row.requiredAttributes.join(' '),
          tags: (row) => pairsText(row.tags),
          created: (row) => ({ atMs: row.createdAtMs }),
        },
        'no types',
      );
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <type-name>', {
    summary: 'show a type and how its things stand',
    description: 'Shows a type: what it requires, how many things have it, and which of them lack something.',
    examples: ['fleetward thing-type show lamp'],
  }).action(async (typeName: string) => {
    const type = await withApi((api) => api.call(getThingType, { params: { typeName } }));
    output.record(type, {
      type: type.typeName,
      requires: type.requiredAttributes.join(' '),
      tags: pairsText(type.tags),
      created: { atMs: type.createdAtMs },
      things: type.thingCount,
      lacking: type.lackingThingNames.join(' '),
    });
  });
}

function addUpdate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'update <type-name>', {
    summary: 'change what a type requires, and its tags',
    description:
      'Requires the attributes that are named, in the place of those before; refused while things of the type lack one. Tags that are not named stay.',
    examples: [
      'fleetward thing-type update lamp --require serial --require site',
      'fleetward thing-type update lamp --no-require --tag team=blue',
    ],
  })
    .addOption(repeatable('--require <attribute>', requireHelp))
    .option('--no-require', 'nothing is required')
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by'))
    .addOption(repeatable('--remove-tag <name>', 'a mark no longer kept'))
    .action(async (typeName: string, flags: TypeFlags) => {
      assertSomeGiven(flags, '--require serial');
      const { require, tag, removeTag } = flags;
      const tags = changedPairs('--tag', { set: tag, remove: removeTag });
      const body = { tags, ...(require === undefined ? {} : { requiredAttributes: [...(require || [])] }) };
      const type = await withApi((api) => api.call(updateThingType, { params: { typeName }, body }));
      output.done(type, `type \`${typeName}\` is changed`);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <type-name>', {
    summary: 'delete a type: nothing is required of its things any more',
    description: 'Deletes a type. Its things keep its name; nothing is required of them any more.',
    examples: ['fleetward thing-type delete lamp'],
  }).action(async (typeName: string) => {
    await withApi((api) => api.call(removeThingType, { params: { typeName } }));
    output.done({ typeName, outcome: 'deleted' }, `type \`${typeName}\` is deleted`);
  });
}
