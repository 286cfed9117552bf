import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, denialCauses, listDenials, type Part } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, whole } from '../define.ts';
import { parseMomentMs } from '../moment.ts';
import type { Columns } from '../output.ts';
import type { Shell } from '../shell.ts';

type Query = NonNullable<Part<(typeof listDenials)['query']>>;
type Denial = Part<(typeof listDenials)['answer']>['denials'][number];

interface ListFlags {
  readonly thing?: string;
  readonly certificate?: string;
  readonly cause?: NonNullable<Query['cause']>;
  readonly since?: string;
  readonly limit: number;
  readonly follow?: boolean;
}

/** `fleetward denial …`: what was refused, and why. */
export function addDenial(noun: Command, shell: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the newest denials with their explanations',
    description:
      'Lists what was refused lately, oldest first, with the statement that decided or the one that would have allowed it. The platform ' +
      'keeps the newest in memory; the trail keeps their counts by minute.',
    examples: [
      'fleetward denial list --thing lamp-7 --since 1h',
      'fleetward denial list --cause publish_denied --follow',
    ],
  })
    .option('--thing <name>', 'only those of a thing')
    .option('--certificate <id>', 'only those of a certificate')
    .addOption(new Option('--cause <cause>', 'only those of a cause').choices([...denialCauses]))
    .option('--since <time>', 'only those after a time, or a duration ago such as `1h`')
    .addOption(
      whole('--limit <count>', { description: 'how many to show at most', min: 1, max: 1_000 }).default(100),
    )
    .option('--follow', 'go on with new ones as they happen')
    .action(async (flags: ListFlags) => {
      const query = queryOf(flags, shell.terminal.clock.now());
      await shell.withApi(async (api) => {
        const shown = await showNewest(api, { shell, query });
        if (flags.follow === true) await follow(api, { shell, query, shown });
      });
    });
}

function queryOf({ thing, certificate, cause, since, limit }: ListFlags, nowMs: number): Query {
  return {
    limit,
    ...(thing === undefined ? {} : { thingName: thing }),
    ...(certificate === undefined ? {} : { certificateId: certificate }),
    ...(cause === undefined ? {} : { cause }),
    ...(since === undefined ? {} : { sinceMs: parseMomentMs(since, { flag: '--since', nowMs }) }),
  };
}

const columns: Columns<Denial> = {
  when: (row) => ({ atMs: row.atMs }),
  cause: (row) => row.cause,
  who: whoOf,
  from: (row) => row.remoteAddress,
  why: (row) => row.explanation,
};

function whoOf({ thingName, clientId, certificateId }: Denial): string | undefined {
  return thingName ?? clientId ?? certificateId?.slice(0, 16);
}

async function showNewest(
  api: ApiClient,
  { shell, query }: { readonly shell: Shell; readonly query: Query },
): Promise<readonly Denial[]> {
  const { denials } = await api.call(listDenials, { query });
  const ascending = denials.toReversed();
  shell.output.list(ascending, columns, 'nothing was refused');
  return ascending;
}

const pollMs = 1_000;

/**
 * Asks again each second from the newest time seen on. Numbers restart with the platform, so one is recognised by its number
 * and its time.
 */
async function follow(
  api: ApiClient,
  parts: { readonly shell: Shell; readonly query: Query; readonly shown: readonly Denial[] },
): Promise<void> {
  const { shell } = parts;
  let { shown } = parts;
  for (;;) {
    await sleep(pollMs);
    const sinceMs = shown.at(-1)?.atMs ?? parts.query.sinceMs;
    const query = { ...parts.query, limit: 1_000, ...(sinceMs === undefined ? {} : { sinceMs }) };
    const known = new Set(shown.map(nameOf));
    const { denials } = await api.call(listDenials, { query });
    const fresh = denials.toReversed().filter((denial) => !known.has(nameOf(denial)));
    if (fresh.length === 0) continue;
    showMore(fresh, shell);
    shown = [...shown, ...fresh].filter(({ atMs }) => atMs >= (fresh.at(-1)?.atMs ?? 0));
  }
}

function nameOf({ seq, atMs }: Denial): string {
  return `${seq} ${atMs}`;
}

/** A line each, without a heading: the table is going on. */
function showMore(denials: readonly Denial[], { output }: Shell): void {
  for (const denial of denials) {
    const who = whoOf(denial) ?? denial.remoteAddress;
    output.done(
      denial,
      `${new Date(denial.atMs).toISOString()}  ${denial.cause}  ${who}  ${denial.explanation}`,
    );
  }
}
