import { count, section } from './kinds.ts';

export const deviceMetrics = section(
  {
    reportBytesMax: count(131_072, 'Bytes of one report.', { minimum: 1_024, maximum: 131_072 }),
    listItemsMax: count(
      500,
      'Items of one list of a report: ports, connections, values of a custom metric.',
      {
        maximum: 5_000,
      },
    ),
    customMetricsMax: count(50, 'Custom metrics of one report.', { maximum: 1_000 }),
    intervalSecondsMin: count(
      60,
      'Seconds from a report of a thing to the next one that is accepted; one that comes sooner is rejected with `Throttled`.',
      { maximum: 86_400 },
    ),
    attemptsPerSecondMax: count(
      2,
      'Reports of a thing a second that are looked at, accepted or not; more are rejected with `Throttled` unread.',
      { maximum: 1_000 },
    ),
    reportsPendingMax: count(10_000, 'Reports of all things that wait to be kept.', { maximum: 1_000_000 }),
    bytesPendingMax: count(16_777_216, 'Bytes of those reports.', { minimum: 1_048_576 }),
    retentionDays: count(14, 'Days that a report is kept.', { maximum: 3_650 }),
    reportsPerThingMax: count(5_000, 'Reports of one thing that are kept; the oldest give way.', {
      maximum: 1_000_000,
    }),
    bytesPerThingMax: count(
      8_388_608,
      'Bytes of the reports of one thing that are kept; the oldest give way.',
      {
        minimum: 1_048_576,
      },
    ),
  },
  'Metrics that devices report of themselves (docs/reference/device-metrics.md).',
);
