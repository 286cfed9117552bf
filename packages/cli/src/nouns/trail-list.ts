import { setTimeout as sleep } from 'node:timers/promises';
import { counted, fromBase64 } from '@fleetward/core';
import {
  type ApiClient,
  exportTrail,
  getTrailPublicKey,
  listTrail,
  type Part,
  type TrailVerdict,
  verifyTrailExport,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { CliError } from '../errors.ts';
import type { Columns } from '../output.ts';
import type { Shell } from '../shell.ts';
import { trailDetails } from './trail-details.ts';
import { readPublicKey } from './trail-key.ts';

interface ListFlags {
  readonly after: number;
  readonly limit?: number;
  readonly follow?: boolean;
  readonly verify?: boolean;
  readonly key?: string;
}

type Line = Part<(typeof listTrail)['answer']>['entries'][number];

const pageMax = 1_000;
const pollMs = 1_000;

/** `fleetward trail list`: what was done, in order. */
export function addTrailList(noun: Command, shell: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list what was done, in order',
    description:
      'Lists the entries of the trail. With `--verify` the whole chain is exported and verified first, by the key in `--key` or, without it, the ' +
      'one the platform tells; a broken chain is not listed. With `--json` the first line is the verdict.',
    examples: [
      'fleetward trail list --verify --key fleetward-data/trail-public-key.pem',
      'fleetward trail list --after 120 --follow --json',
    ],
  })
    .addOption(
      whole('--after <seq>', {
        description: 'only entries after this number',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }).default(0),
    )
    .addOption(
      whole('--limit <count>', {
        description: 'how many to show at most; all if not given',
        min: 1,
        max: 1_000_000,
      }),
    )
    .option('--follow', 'go on with new entries as they are made')
    .option('--verify', 'verify the whole chain first')
    .option('--key <file>', 'the checkpoint key to verify by')
    .action(async (flags: ListFlags) => {
      await shell.withApi(async (api) => {
        if (flags.verify === true) await verify(api, { shell, flags });
        const last = await showFrom(flags.after, { api, shell, limit: flags.limit ?? Infinity });
        if (flags.follow === true) await follow(last, { api, shell });
      });
    });
}

async function verify(
  api: ApiClient,
  { shell, flags }: { readonly shell: Shell; readonly flags: ListFlags },
): Promise<void> {
  const publicKey =
    flags.key === undefined
      ? fromBase64((await api.call(getTrailPublicKey)).publicKey)
      : await readPublicKey(flags.key, shell.terminal);
  const { bytes } = await api.download(exportTrail);
  const verdict: TrailVerdict = await verifyTrailExport(bytes, { publicKey });
  if (verdict.kind === 'broken') throw broken(verdict);
  const sentence = `the chain of ${counted(verdict.entries, 'entry', 'entries')} is intact, vouched for up to entry ${verdict.through.seq}`;
  if (shell.output.json) shell.output.done(verdict, sentence);
  else shell.output.note(sentence);
}

function broken({ seq, reason }: Extract<TrailVerdict, { kind: 'broken' }>): CliError {
  return new CliError('cli.trail_broken', `the trail is broken after entry ${seq}: ${reason}`, {
    hint: 'export it with `fleetward trail export` before anything else changes, and compare it with your backups',
  });
}

interface Reading {
  readonly api: ApiClient;
  readonly shell: Shell;
}

const columns: Columns<Line> = {
  entry: ({ entry }) => entry.seq,
  when: ({ entry }) => ({ atMs: entry.at }),
  what: ({ entry }) => entry.kind,
  who: ({ payload }) => trailDetails(payload).who,
  details: ({ payload }) => trailDetails(payload).details,
};

/** Shows the entries after `seq`, page by page, as many as are wanted, and returns the last number. */
async function showFrom(
  seq: number,
  { api, shell, limit: wanted }: Reading & { readonly limit: number },
): Promise<number> {
  let last = seq;
  for (let left = wanted; left > 0; ) {
    const limit = Math.min(pageMax, left);
    const { entries } = await api.call(listTrail, { query: { afterSeq: last, limit } });
    if (entries.length > 0 || last === seq) shell.output.list(entries, columns, 'no entries');
    last = entries.at(-1)?.entry.seq ?? last;
    if (entries.length < limit) return last;
    left -= entries.length;
  }
  if (wanted !== Infinity) shell.output.note(`that were ${wanted}: go on with \`--after ${last}\``);
  return last;
}

async function follow(seq: number, { api, shell }: Reading): Promise<void> {
  let last = seq;
  for (;;) {
    await sleep(pollMs);
    const { entries } = await api.call(listTrail, { query: { afterSeq: last, limit: pageMax } });
    for (const line of entries) {
      const { entry, payload } = line;
      const { who, details } = trailDetails(payload);
      shell.output.done(
        line,
        `${entry.seq}  ${new Date(entry.at).toISOString()}  ${entry.kind}  ${who}  ${details}`,
      );
      last = entry.seq;
    }
  }
}
