import { counted } from '@fleetward/core';
import {
  attachThingCertificate,
  countThings,
  createThing,
  detachThingCertificate,
  getThing,
  listThings,
  type Part,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit, repeatable, whole } from '../define.ts';
import type { Cell } from '../output.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';
import { pairsText, parsePair } from './pairs.ts';
import { addThingDelete, addThingSetState, addThingUpdate } from './thing-change.ts';
import { addThingExport } from './thing-export.ts';
import { addThingImport } from './thing-import.ts';

/** `fleetward thing …`: the devices as the registry knows them. */
export function addThing(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addCount(noun, shell);
  addShow(noun, shell);
  addThingUpdate(noun, shell);
  addThingSetState(noun, shell);
  addThingDelete(noun, shell);
  addAttach(noun, shell);
  addDetach(noun, shell);
  addThingImport(noun, shell);
  addThingExport(noun, shell);
}

type Shown = Part<(typeof getThing)['answer']>;

interface CreateFlags {
  readonly type?: string;
  readonly attribute?: readonly string[];
  readonly tag?: readonly string[];
}

function addCreate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create <thing-name>', {
    summary: 'create a thing',
    description: 'Creates a thing. Enrolment with a join token creates its thing by itself.',
    examples: ['fleetward thing create lamp-7 --type lamp --attribute site=hall'],
  })
    .option('--type <name>', 'its type, for `${iot:Connection.Thing.ThingTypeName}` in policies')
    .addOption(repeatable('--attribute <name=value>', 'a fact about it, for policies'))
    .addOption(repeatable('--tag <name=value>', 'a mark to find it by; policies do not see it'))
    .action(async (thingName: string, flags: CreateFlags) => {
      const { type, attribute = [], tag = [] } = flags;
      const attributes = Object.fromEntries(attribute.map(parsePair('--attribute')));
      const tags = Object.fromEntries(tag.map(parsePair('--tag')));
      const body = { thingName, attributes, tags, ...(type === undefined ? {} : { typeName: type }) };
      const thing = await withApi((api) => api.call(createThing, { body }));
      output.done(thing, `thing \`${thing.thingName}\` is created`);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the things, all or those that match a query',
    description: 'Lists the things by name; with `--query` those that match it (docs/reference/search.md).',
    examples: [
      'fleetward thing list',
      "fleetward thing list --query 'group:oven* and connected:false and cert.expiresIn<30d'",
      'fleetward thing list --json | wc -l',
    ],
  })
    .option('--query <query>', 'only things that match, such as `type:oven and firmware<2.1`')
    .addOption(limit())
    .action(async (flags: { limit: number; query?: string }) => {
      const wanted = flags.query === undefined ? {} : { query: flags.query };
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (page) => {
          const { things, next } = await api.call(listThings, { query: { ...page, ...wanted } });
          return { items: things, next };
        }),
      );
      output.list(
        items,
        {
          thing: (row) => row.thingName,
          type: (row) => row.typeName,
          state: (row) => row.lifecycleState,
          connected: (row) => row.connected,
          attributes: (row) => pairsText(row.attributes),
          tags: (row) => pairsText(row.tags),
          created: (row) => ({ atMs: row.createdAtMs }),
        },
        flags.query === undefined ? 'no things' : 'no things match',
      );
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addCount(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'count', {
    summary: 'count the things by the values of a field',
    description:
      'Counts the things, all or those that match a query, by the values of a field; the most frequent first. Numbers and time spans are counted in ranges.',
    examples: [
      'fleetward thing count --by firmware',
      "fleetward thing count --by attribute.site --query 'connected:false'",
    ],
  })
    .requiredOption('--by <field>', 'such as `type`, `group`, `cert.expiresIn` or `attribute.site`')
    .option('--query <query>', 'only things that match')
    .addOption(
      whole('--limit <count>', { description: 'values to show at most', min: 1, max: 1_000 }).default(100),
    )
    .action(async ({ by, query, limit }: { by: string; query?: string; limit: number }) => {
      const wanted = { by, limit, ...(query === undefined ? {} : { query }) };
      const counts = await withApi((api) => api.call(countThings, { query: wanted }));
      output.list(counts.values, { [by]: (row) => row.value, things: (row) => row.count }, 'no values');
      const { total, without, distinct, values } = counts;
      output.note(`${counted(total, 'thing')}, ${without} without \`${by}\``);
      if (distinct > values.length) output.note(`${distinct} values: raise \`--limit\``);
    });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <thing-name>', {
    summary: 'show a thing, its groups, its certificates, its connection and its last report',
    description:
      'Shows a thing: where it stands in its life, its attributes and tags, the groups it is in, the certificates that speak for it, whether it is connected, from where and how its last connection ended, and what the device last reported of itself.',
    examples: ['fleetward thing show lamp-7'],
  }).action(async (thingName: string) => {
    const thing = await withApi((api) => api.call(getThing, { params: { thingName } }));
    output.record(thing, {
      thing: thing.thingName,
      type: thing.typeName,
      state: thing.lifecycleState,
      attributes: pairsText(thing.attributes),
      tags: pairsText(thing.tags),
      groups: thing.groupNames.join(', '),
      created: { atMs: thing.createdAtMs },
      certificates: thing.certificates.map(certificateText).join(', '),
      ...presenceFields(thing.presence),
      ...reportFields(thing.report),
    });
  });
}

function certificateText({
  certificateId,
  exclusive,
}: {
  certificateId: string;
  exclusive: boolean;
}): string {
  return exclusive ? `${certificateId} (exclusive)` : certificateId;
}

function presenceFields({ connected, sinceMs, flapping, connection, lastDisconnect }: Shown['presence']) {
  const fields: Record<string, Cell> = { connected };
  if (sinceMs !== undefined) fields['  since'] = { atMs: sinceMs };
  if (connection !== undefined) {
    fields['  client'] = connection.clientId;
    fields['  session'] = connection.sessionIdentifier;
    fields['  address'] = connection.remoteAddress;
    fields['  tls'] = `${connection.tlsVersion}, ${connection.cipher}`;
  }
  if (lastDisconnect !== undefined) {
    fields['last disconnect'] = { atMs: lastDisconnect.atMs };
    fields['  reason'] = lastDisconnect.reason;
  }
  return { ...fields, flapping };
}

function reportFields(report: Shown['report']): Readonly<Record<string, Cell>> {
  if (report === undefined) return { reported: 'never' };
  const parts = Object.entries(report.report).map(([name, value]): [string, Cell] => [
    `  ${name}`,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return { reported: { atMs: report.receivedAtMs }, ...Object.fromEntries(parts) };
}

function addAttach(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'attach-certificate <thing-name> <certificate-id>', {
    summary: 'let a certificate speak for a thing',
    description:
      'Lets a certificate speak for a thing when its client id is the thing’s name; with `--exclusive`, whatever its client id. ' +
      'Takes effect on live connections at once.',
    examples: ['fleetward thing attach-certificate lamp-7 9f86d081884c7d65… --exclusive'],
  })
    .option('--exclusive', 'it speaks for this thing alone, whatever the client id')
    .action(async (thingName: string, certificateId: string, flags: { exclusive?: boolean }) => {
      const exclusive = flags.exclusive === true;
      const params = { thingName, certificateId };
      await withApi((api) => api.call(attachThingCertificate, { params, body: { exclusive } }));
      output.done(
        { ...params, exclusive, outcome: 'attached' },
        `\`${certificateId}\` speaks for \`${thingName}\``,
      );
    });
}

function addDetach(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'detach-certificate <thing-name> <certificate-id>', {
    summary: 'let a certificate no longer speak for a thing',
    description:
      'Detaches a certificate from a thing; it stays valid. To shut a device out, revoke its certificate.',
    examples: ['fleetward thing detach-certificate lamp-7 9f86d081884c7d65…'],
  }).action(async (thingName: string, certificateId: string) => {
    const params = { thingName, certificateId };
    await withApi((api) => api.call(detachThingCertificate, { params }));
    output.done(
      { ...params, outcome: 'detached' },
      `\`${certificateId}\` no longer speaks for \`${thingName}\``,
    );
  });
}
