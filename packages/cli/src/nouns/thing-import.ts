import { type ApiClient, importThings, type Part } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { formatOf, formatOption, type ThingFormat } from './thing-format.ts';
import { newImportTally } from './thing-import-tally.ts';
import { type NumberedLine, readThingLines } from './thing-lines.ts';

interface ImportFlags {
  readonly format?: ThingFormat;
  readonly update?: boolean;
  readonly dryRun?: boolean;
  readonly refused?: string;
}

export type ImportedResult = Part<(typeof importThings)['answer']>['results'][number];

// Below the platform's bounds on one request: five hundred things, 256 KiB.
const thingsMax = 500;
const batchBytesMax = 240_000;

export function addThingImport(noun: Command, shell: Shell): void {
  addVerb(noun, 'import <file>', {
    summary: 'create the things of a file of CSV or JSON lines',
    description:
      'Creates a thing for each line of a file; `-` is standard input. CSV (RFC 4180, a line a thing) has a header of the columns `name`, `type`, `state`, `groups` (separated by blanks), `attribute.NAME` and `tag.NAME`, or `attributes` and `tags` as JSON objects; only `name` is required, and an empty field says nothing. ' +
      'JSON lines have the fields `thingName`, `typeName`, `lifecycleState`, `groupNames`, `attributes` and `tags`. The groups are static ones that are there already; the state is for a thing that is new. A thing that is there with all a line says is passed over, so that an interrupted import is run again; one that is otherwise is told and left, or with `--update` given what the line says and keeps the rest. A wrong line is told with its number and is no trouble to the others. Exit code 1: a line was refused or differs.',
    examples: [
      'fleetward thing import fleet.csv --dry-run',
      'fleetward thing import fleet.csv --refused mend.csv',
      'fleetward thing import - --format jsonl --update < fleet.jsonl',
    ],
  })
    .addOption(formatOption('of the file; by the end of its name unless given'))
    .option('--update', 'change what is there and differs')
    .option('--dry-run', 'say what would become of each line and change nothing')
    .option(
      '--refused <file>',
      'write the lines that were refused or differ to a new file, to mend and import',
    )
    .action(async (file: string, flags: ImportFlags) => {
      const format = flags.format ?? formatOf(file);
      const tally = newImportTally(shell, { file, isDry: flags.dryRun === true, refusedFile: flags.refused });
      try {
        await shell.withApi(async (api) => {
          const lines = readThingLines(file, { format, terminal: shell.terminal, header: tally.header });
          for await (const batch of batchesOf(lines))
            tally.add(batch, await resultsOf(api, { batch, flags }));
        });
      } finally {
        tally.close();
      }
      tally.end();
    });
}

async function* batchesOf(
  lines: AsyncIterable<NumberedLine>,
): AsyncGenerator<readonly NumberedLine[], void, undefined> {
  let batch: NumberedLine[] = [];
  let bytes = 0;
  for await (const each of lines) {
    const length = Buffer.byteLength(JSON.stringify(each.thing)) + 1;
    if (batch.length >= thingsMax || (batch.length > 0 && bytes + length > batchBytesMax)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(each);
    bytes += length;
  }
  if (batch.length > 0) yield batch;
}

/** The platform's results, and those of lines it need not be asked about, in the order of the lines. */
async function resultsOf(
  api: ApiClient,
  { batch, flags }: { readonly batch: readonly NumberedLine[]; readonly flags: ImportFlags },
): Promise<readonly ImportedResult[]> {
  const things = batch.flatMap(({ thing }) => ('fault' in thing ? [] : thing));
  const options = { update: flags.update === true, dryRun: flags.dryRun === true };
  const { results } =
    things.length === 0 ? { results: [] } : await api.call(importThings, { body: { things, ...options } });
  const answers = results.values();
  return batch.map(({ thing }) => {
    if ('fault' in thing) return { outcome: 'refused', reason: 'line_malformed', explanation: thing.fault };
    const answer = answers.next().value;
    if (answer === undefined) throw new TypeError('an answer without a result');
    return answer;
  });
}
