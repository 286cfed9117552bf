import { counted } from '@fleetward/core';
import { type ApiClient, listThings } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { writeStream } from '../write-stream.ts';
import { type ThingFormatter, thingFormatters } from './format-thing-line.ts';
import { formatOf, formatOption, type ThingFormat } from './thing-format.ts';

interface ExportFlags {
  readonly format?: ThingFormat;
  readonly query?: string;
  readonly out?: string;
}

const pageThings = 1_000;

export function addThingExport(noun: Command, shell: Shell): void {
  addVerb(noun, 'export', {
    summary: 'export the things as CSV or JSON lines, for `thing import`',
    description:
      'Exports the things by name, all or those that match a query, with type, lifecycle state, static groups, attributes and tags. To import what was exported changes nothing. ' +
      'With `--out` into a new private file, otherwise to standard output. What changes meanwhile may be in it or not.',
    examples: [
      'fleetward thing export --out fleet.csv',
      "fleetward thing export --query 'type:oven' --format jsonl | gzip > ovens.jsonl.gz",
    ],
  })
    .addOption(
      formatOption('of the file; by the end of its name unless given, and `jsonl` on standard output'),
    )
    .option('--query <query>', 'only things that match, such as `type:oven and firmware<2.1`')
    .option('--out <file>', 'a new file')
    .action(async (flags: ExportFlags) => {
      const { query, out } = flags;
      const format = flags.format ?? (out === undefined ? 'jsonl' : formatOf(out));
      const progress = newProgress(shell, out !== undefined);
      try {
        await shell.withApi((api) =>
          writeStream(exportedChunks(api, { formatter: thingFormatters[format], query, progress }), {
            out,
            terminal: shell.terminal,
          }),
        );
      } finally {
        progress.clear();
      }
      const { count } = progress;
      if (out !== undefined)
        shell.output.done(
          { file: out, things: count, outcome: 'exported' },
          `${counted(count, 'thing')} ${count === 1 ? 'is' : 'are'} in \`${out}\``,
        );
    });
}

type Progress = ReturnType<typeof newProgress>;

async function* exportedChunks(
  api: ApiClient,
  {
    formatter,
    query,
    progress,
  }: { readonly formatter: ThingFormatter; readonly query: string | undefined; readonly progress: Progress },
): AsyncGenerator<Uint8Array, void, undefined> {
  const wanted = { limit: pageThings, ...(query === undefined ? {} : { query }) };
  let start = formatter.header;
  for (let after: string | undefined; ; ) {
    const page = { ...wanted, ...(after === undefined ? {} : { after }) };
    const { things, next } = await api.call(listThings, { query: page });
    yield Buffer.from(start + things.map(formatter.line).join(''));
    progress.add(things.length);
    if (next === undefined) return;
    start = '';
    after = next;
  }
}

function newProgress({ terminal, output }: Shell, isFile: boolean) {
  const { stderr } = terminal;
  const isDrawn = isFile && stderr.isTTY === true && !output.json;
  let count = 0;
  const clear = (): void => void (isDrawn && stderr.write('\r\u001b[K'));
  return {
    clear,
    get count(): number {
      return count;
    },
    add(things: number): void {
      count += things;
      clear();
      if (isDrawn) stderr.write(counted(count, 'thing'));
    },
  };
}
