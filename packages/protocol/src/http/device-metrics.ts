import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { pageLimit, thingNameSchema } from './names.ts';

const noun = 'device-metrics';
const access = 'operator';
const closed = { additionalProperties: false };
const params = Type.Object({ thingName: thingNameSchema });
const reportId = Type.Integer({ minimum: 0, description: 'As the device gave it; it rises.' });
const range = {
  fromMs: Type.Optional(Type.Integer({ minimum: 0, description: 'Received then or later.' })),
  toMs: Type.Optional(Type.Integer({ minimum: 0, description: 'Received before.' })),
};
const summary = {
  reportId,
  receivedAtMs: timeMs,
  bytes: Type.Integer({ minimum: 0, description: 'What it takes in the records.' }),
  numbers: Type.Record(Type.String(), Type.Number(), {
    description: 'What it says in single numbers, by the name of the metric.',
  }),
};

export const listMetricReports = defineRoute({
  method: 'GET',
  path: '/v1/things/:thingName/metrics/reports',
  noun,
  summary: 'List the metrics that a thing reported, the newest first',
  access,
  params,
  query: Type.Object({ ...range, before: Type.Optional(reportId), limit: Type.Optional(pageLimit) }, closed),
  answer: Type.Object({ reports: Type.Array(Type.Object(summary)), next: Type.Optional(reportId) }),
});

export const getMetricReport = defineRoute({
  method: 'GET',
  path: '/v1/things/:thingName/metrics/reports/:reportId',
  noun,
  summary: 'Get a report of a thing as a whole',
  access,
  params: Type.Object({
    thingName: thingNameSchema,
    reportId: Type.String({ pattern: '^(newest|[0-9]{1,16})$', description: 'Its id, or `newest`.' }),
  }),
  answer: Type.Object({
    ...summary,
    report: Type.Record(Type.String(), Type.Unknown(), {
      description: 'In the long names of AWS IoT Device Defender.',
    }),
  }),
});

export const getMetricHistory = defineRoute({
  method: 'GET',
  path: '/v1/things/:thingName/metrics/history',
  noun,
  summary: 'What a metric of a thing was over time: least, mean and greatest of each stretch',
  access,
  params,
  query: Type.Object(
    {
      metricName: Type.String({
        pattern: '^[a-zA-Z0-9:_-]{1,128}$',
        description: 'A custom metric, or such as `aws:all-bytes-out`.',
      }),
      fromMs: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Received then or later; without it a day before `toMs`.' }),
      ),
      toMs: Type.Optional(Type.Integer({ minimum: 0, description: 'Received before; without it now.' })),
      bucketSeconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 31_536_000,
          default: 3_600,
          description: 'Length of a stretch; they begin at multiples of it, in UTC, and are 1,000 at most.',
        }),
      ),
    },
    closed,
  ),
  answer: Type.Object({
    metricName: Type.String(),
    bucketSeconds: Type.Integer(),
    buckets: Type.Array(
      Type.Object({
        fromMs: timeMs,
        count: Type.Integer({ minimum: 1, description: 'Reports that had it.' }),
        min: Type.Number(),
        avg: Type.Number(),
        max: Type.Number(),
      }),
      { description: 'In order of time; those without a report are left out.' },
    ),
  }),
});

export const deleteMetricReports = defineRoute({
  method: 'DELETE',
  path: '/v1/things/:thingName/metrics/reports',
  noun,
  summary: 'Delete all reports of a thing; its report ids may begin anew',
  access,
  params,
});
