import { counted } from '@fleetward/core';
import {
  addGroupThing,
  createGroup,
  getGroup,
  listGroups,
  listGroupThings,
  moveGroup,
  removeGroup,
  removeGroupThing,
  updateGroup,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit, repeatable } from '../define.ts';
import { usage } from '../errors.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';
import { assertSomeGiven, changedPairs, pairsText, parsePair } from './pairs.ts';

/** `fleetward group …`: static groups of things, whose policies hold for every thing under them, and dynamic ones, by query. */
export function addGroup(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addUpdate(noun, shell);
  addMove(noun, shell);
  addDelete(noun, shell);
  addAdd(noun, shell);
  addRemove(noun, shell);
  addListThings(noun, shell);
}

interface CreateFlags {
  readonly parent?: string;
  readonly query?: string;
  readonly tag?: readonly string[];
}

function addCreate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create <group-name>', {
    summary: 'create a group',
    description:
      'Creates a group, at the top or under another; a hierarchy has at most seven levels. With `--query` it is dynamic: its things are those that match at the moment it is used, by a campaign for example; it has no policies and stands under no other.',
    examples: [
      'fleetward group create ovens',
      'fleetward group create ovens-hall-2 --parent ovens',
      "fleetward group create low --query 'battery<20 and connected:true'",
    ],
  })
    .option('--parent <group-name>', 'the group it is under')
    .option('--query <query>', 'the things that match are in it, as `thing list --query` finds them')
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by'))
    .action(async (groupName: string, flags: CreateFlags) => {
      const { parent, query, tag = [] } = flags;
      const body = {
        groupName,
        tags: Object.fromEntries(tag.map(parsePair('--tag'))),
        ...(parent === undefined ? {} : { parentName: parent }),
        ...(query === undefined ? {} : { query }),
      };
      const group = await withApi((api) => api.call(createGroup, { body }));
      output.done(group, `group \`${groupName}\` is created`);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the groups',
    description: 'Lists the groups by name.',
    examples: ['fleetward group list'],
  })
    .addOption(limit())
    .action(async (flags: { limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (query) => {
          const { groups, next } = await api.call(listGroups, { query });
          return { items: groups, next };
        }),
      );
      output.list(
        items,
        {
          group: (row) => row.groupName,
          under: (row) => row.parentName,
          query: (row) => row.query,
          tags: (row) => pairsText(row.tags),
          created: (row) => ({ atMs: row.createdAtMs }),
        },
        'no groups',
      );
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <group-name>', {
    summary: 'show a group, what is around it, and its policies',
    description:
      'Shows a group: what it is under, what is under it, how many things it holds, and its policies.',
    examples: ['fleetward group show ovens'],
  }).action(async (groupName: string) => {
    const group = await withApi((api) => api.call(getGroup, { params: { groupName } }));
    output.record(group, {
      group: group.groupName,
      under: group.ancestorNames.join(', '),
      over: group.childNames.join(', '),
      query: group.query,
      things: group.thingCount,
      tags: pairsText(group.tags),
      policies: group.policyNames.join(', '),
      created: { atMs: group.createdAtMs },
    });
  });
}

interface UpdateFlags {
  readonly query?: string;
  readonly tag?: readonly string[];
  readonly removeTag?: readonly string[];
}

function addUpdate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'update <group-name>', {
    summary: 'change the query of a dynamic group, or the tags of a group',
    description: 'Changes the query of a dynamic group, and sets or takes away the tags that are named.',
    examples: [
      "fleetward group update low --query 'battery<30 and connected:true'",
      'fleetward group update ovens --tag team=blue --remove-tag old',
    ],
  })
    .option('--query <query>', 'its things are those that match from now on')
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by'))
    .addOption(repeatable('--remove-tag <name>', 'a mark no longer kept'))
    .action(async (groupName: string, flags: UpdateFlags) => {
      assertSomeGiven(flags, '--tag team=blue');
      const { query, tag, removeTag } = flags;
      const tags = changedPairs('--tag', { set: tag, remove: removeTag });
      const body = { tags, ...(query === undefined ? {} : { query }) };
      const group = await withApi((api) => api.call(updateGroup, { params: { groupName }, body }));
      output.done(group, `group \`${groupName}\` is changed`);
    });
}

function addMove(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'move <group-name>', {
    summary: 'put a group under another, or at the top',
    description:
      'Puts a group, with everything under it, under another or at the top. It takes effect on live connections at once.',
    examples: ['fleetward group move ovens-hall-2 --parent ovens', 'fleetward group move ovens-hall-2 --top'],
  })
    .option('--parent <group-name>', 'the group it is under from now on')
    .option('--top', 'it is under none')
    .action(async (groupName: string, flags: { parent?: string; top?: boolean }) => {
      if ((flags.parent === undefined) === (flags.top !== true))
        throw usage('give either `--parent` or `--top`');
      const parentName = flags.parent ?? null;
      await withApi((api) => api.call(moveGroup, { params: { groupName }, body: { parentName } }));
      const where = parentName === null ? 'at the top' : `under \`${parentName}\``;
      output.done({ groupName, parentName, outcome: 'moved' }, `group \`${groupName}\` is ${where}`);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <group-name>', {
    summary: 'delete an empty group',
    description: 'Deletes a group that holds no groups and no things, and to which no policy is attached.',
    examples: ['fleetward group delete ovens-hall-2'],
  }).action(async (groupName: string) => {
    await withApi((api) => api.call(removeGroup, { params: { groupName } }));
    output.done({ groupName, outcome: 'deleted' }, `group \`${groupName}\` is deleted`);
  });
}

function addAdd(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'add <group-name> <thing-name...>', {
    summary: 'put things into a group',
    description:
      'Puts things into a group. Its policies, and those of every group it is under, hold for them from the next packet on.',
    examples: ['fleetward group add ovens oven-1 oven-2'],
  }).action(async (groupName: string, thingNames: readonly string[]) => {
    await withApi(async (api) => {
      for (const thingName of thingNames) await api.call(addGroupThing, { params: { groupName, thingName } });
    });
    output.done(
      { groupName, thingNames, outcome: 'added' },
      `${countOf(thingNames)} now in group \`${groupName}\``,
    );
  });
}

function addRemove(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'remove <group-name> <thing-name...>', {
    summary: 'take things out of a group',
    description: 'Takes things out of a group. Its policies hold no longer for them from the next packet on.',
    examples: ['fleetward group remove ovens oven-2'],
  }).action(async (groupName: string, thingNames: readonly string[]) => {
    await withApi(async (api) => {
      for (const thingName of thingNames)
        await api.call(removeGroupThing, { params: { groupName, thingName } });
    });
    output.done(
      { groupName, thingNames, outcome: 'removed' },
      `${countOf(thingNames)} no longer in group \`${groupName}\``,
    );
  });
}

function addListThings(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list-things <group-name>', {
    summary: 'list the things of a group',
    description:
      'Lists the things of the group itself by name, not those of the groups under it: `thing list --query group:NAME` has all of them.',
    examples: ['fleetward group list-things ovens', 'fleetward thing list --query group:ovens'],
  })
    .addOption(limit())
    .action(async (groupName: string, flags: { limit: number }) => {
      const { items, more, childNames } = await withApi(async (api) => {
        const found = await readPages(flags.limit, async (query) => {
          const { thingNames, next } = await api.call(listGroupThings, { params: { groupName }, query });
          return { items: thingNames.map((thingName) => ({ thingName })), next };
        });
        const mayHint = found.items.length === 0 && !output.json;
        const around = mayHint ? await api.call(getGroup, { params: { groupName } }) : { childNames: [] };
        return { ...found, childNames: around.childNames };
      });
      const hasUnder = childNames.length > 0;
      output.list(
        items,
        { thing: (row) => row.thingName },
        hasUnder ? 'no things in the group itself' : 'no things',
      );
      if (hasUnder) output.note(underText(groupName, childNames.length));
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function underText(groupName: string, groups: number): string {
  return `it has ${counted(groups, 'group')} under it: \`fleetward thing list --query group:${groupName}\` lists the things of those too`;
}

function countOf(thingNames: readonly string[]): string {
  const [first] = thingNames;
  return thingNames.length === 1 ? `thing \`${first}\` is` : `${thingNames.length} things are`;
}
