import { createTargetToken, listTargetTokens, removeTargetToken } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit } from '../define.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';

/** `fleetward target-token …`: secrets by which clients of hawkBit speak for a thing without a certificate. */
export function addTargetToken(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addDelete(noun, shell);
}

function addCreate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create <thing-name>', {
    summary: 'make the target token of a thing, or another in its place',
    description:
      'Makes a token by which a client of hawkBit speaks for the thing without a certificate (`Authorization: TargetToken …`), where a group of the thing allows it (setting `ddi.targetTokenGroups`). ' +
      'It is printed this once and never again; the one that the thing had before is good no more.',
    examples: ['fleetward target-token create pump-17 > pump-17.token'],
  }).action(async (thingName: string) => {
    const token = await withApi((api) => api.call(createTargetToken, { params: { thingName } }));
    output.done(token, token.secret);
    output.noteSecret(`target token of \`${thingName}\``);
  });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list which things have a target token',
    description: 'Lists the things that have a target token, without the secrets.',
    examples: ['fleetward target-token list'],
  })
    .addOption(limit())
    .action(async (flags: { readonly limit: number }) => {
      const [{ items, more }, nameOf] = await withApi((api) =>
        Promise.all([
          readPages(flags.limit, async (query) => {
            const { targetTokens, next } = await api.call(listTargetTokens, { query });
            return { items: targetTokens, next };
          }),
          readOperatorNames(api),
        ]),
      );
      const columns = {
        thing: (row: (typeof items)[number]) => row.thingName,
        created: (row: (typeof items)[number]) => ({ atMs: row.createdAtMs }),
        by: (row: (typeof items)[number]) => nameOf(row.createdBy),
      };
      output.list(items, columns, 'no target tokens');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <thing-name>', {
    summary: 'delete the target token of a thing',
    description: 'Deletes the target token of a thing: it is good no more, at once.',
    examples: ['fleetward target-token delete pump-17'],
  }).action(async (thingName: string) => {
    await withApi((api) => api.call(removeTargetToken, { params: { thingName } }));
    output.done({ thingName, outcome: 'deleted' }, `the target token of \`${thingName}\` is deleted`);
  });
}
