import {
  deleteMetricReports,
  getMetricHistory,
  getMetricReport,
  listMetricReports,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit } from '../define.ts';
import { usage } from '../errors.ts';
import { parseDurationMs, parseMomentMs } from '../moment.ts';
import { readPages } from '../pages.ts';
import { printable } from '../printable.ts';
import type { Shell } from '../shell.ts';

interface Range {
  readonly from?: string;
  readonly to?: string;
}

/** `fleetward device-metric …`: what things report of themselves, as AWS IoT Device Defender takes it. */
export function addDeviceMetric(noun: Command, shell: Shell): void {
  addList(noun, shell);
  addShow(noun, shell);
  addHistory(noun, shell);
  addDelete(noun, shell);
}

type Numbers = Readonly<Record<string, number>>;

/** What has a name of its own in every fleet; custom metrics are only counted. */
const shown = {
  'tcp ports': 'aws:num-listening-tcp-ports',
  'udp ports': 'aws:num-listening-udp-ports',
  connections: 'aws:num-established-tcp-connections',
  'bytes in': 'aws:all-bytes-in',
  'bytes out': 'aws:all-bytes-out',
} as const;

function addList(noun: Command, { output, withApi, terminal }: Shell): void {
  addVerb(noun, 'list <thing-name>', {
    summary: 'list the reports of a thing',
    description: 'Lists what a thing reported of itself, the newest first.',
    examples: ['fleetward device-metric list lamp-7', 'fleetward device-metric list lamp-7 --from 2d --json'],
  })
    .option('--from <time>', 'only those since a time, or a duration ago such as `1h`')
    .option('--to <time>', 'only those before a time, or a duration ago')
    .addOption(limit().default(20))
    .action(async (thingName: string, flags: Range & { readonly limit: number }) => {
      const range = rangeOf(flags, terminal.clock.now());
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async ({ after, limit: count }: { after?: number; limit: number }) => {
          const query = { ...range, limit: count, ...(after === undefined ? {} : { before: after }) };
          const { reports, next } = await api.call(listMetricReports, { params: { thingName }, query });
          return { items: reports, next };
        }),
      );
      const figures = Object.entries(shown).map(
        ([head, name]) => [head, ({ numbers }: { numbers: Numbers }) => numbers[name]] as const,
      );
      const columns = {
        report: (row: (typeof items)[number]) => row.reportId,
        received: (row: (typeof items)[number]) => ({ atMs: row.receivedAtMs }),
        ...Object.fromEntries(figures),
        custom: (row: (typeof items)[number]) => customOf(row.numbers).length,
      };
      output.list(items, columns, 'no reports');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <thing-name> [report-id]', {
    summary: 'show a report of a thing',
    description:
      'Prints the newest report of a thing, or the one with an id, as a whole: its numbers by the names that `history` takes, then what it says.',
    examples: [
      'fleetward device-metric show lamp-7',
      'fleetward device-metric show lamp-7 1790000000 --json',
    ],
  }).action(async (thingName: string, reportId = 'newest') => {
    if (!/^(newest|[0-9]{1,16})$/.test(reportId))
      throw usage(`\`${reportId}\` is no id of a report: \`fleetward device-metric list\` shows them`);
    const found = await withApi((api) => api.call(getMetricReport, { params: { thingName, reportId } }));
    output.record(found, {
      'report id': found.reportId,
      'received at': { atMs: found.receivedAtMs },
      // No name of a metric has a space.
      ...found.numbers,
    });
    if (!output.json)
      for (const line of JSON.stringify(found.report, undefined, 2).split('\n')) output.line(printable(line));
  });
}

function addHistory(noun: Command, { output, withApi, terminal }: Shell): void {
  addVerb(noun, 'history <thing-name> <metric>', {
    summary: 'show what a metric of a thing was over time',
    description:
      'Shows the least, the mean and the greatest value of a metric that is a number, for each stretch of time in which there was one. ' +
      'Without `--from` it is the last day. The names are those that `show` prints: AWS IoT’s, such as `aws:all-bytes-out`, and those of custom metrics.',
    examples: [
      'fleetward device-metric history lamp-7 aws:all-bytes-out',
      'fleetward device-metric history lamp-7 battery --from 14d --bucket 1d',
    ],
  })
    .option('--from <time>', 'since a time, or a duration ago such as `1h`')
    .option('--to <time>', 'before a time, or a duration ago')
    .option('--bucket <duration>', 'length of a stretch; they begin at multiples of it, in UTC', '1h')
    .action(async (thingName: string, metricName: string, flags: Range & { readonly bucket: string }) => {
      const bucketSeconds = parseDurationMs(flags.bucket, '--bucket') / 1_000;
      const query = { metricName, bucketSeconds, ...rangeOf(flags, terminal.clock.now()) };
      const { buckets } = await withApi((api) =>
        api.call(getMetricHistory, { params: { thingName }, query }),
      );
      const columns = {
        from: (row: (typeof buckets)[number]) => ({ atMs: row.fromMs }),
        reports: (row: (typeof buckets)[number]) => row.count,
        min: (row: (typeof buckets)[number]) => row.min,
        avg: (row: (typeof buckets)[number]) => Number(row.avg.toPrecision(6)),
        max: (row: (typeof buckets)[number]) => row.max,
      };
      output.list(buckets, columns, `no report in that time has a number called \`${metricName}\``);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <thing-name>', {
    summary: 'delete the reports of a thing',
    description:
      'Deletes all reports of a thing. Its report ids may begin anew: for a device that has lost count, and is rejected.',
    examples: ['fleetward device-metric delete lamp-7'],
  }).action(async (thingName: string) => {
    await withApi((api) => api.call(deleteMetricReports, { params: { thingName } }));
    output.done({ thingName, outcome: 'deleted' }, `the reports of \`${thingName}\` are deleted`);
  });
}

function customOf(numbers: Numbers): readonly string[] {
  return Object.keys(numbers).filter((name) => !name.startsWith('aws:'));
}

function rangeOf({ from, to }: Range, nowMs: number): { readonly fromMs?: number; readonly toMs?: number } {
  return {
    ...(from === undefined ? {} : { fromMs: parseMomentMs(from, { flag: '--from', nowMs }) }),
    ...(to === undefined ? {} : { toMs: parseMomentMs(to, { flag: '--to', nowMs }) }),
  };
}
