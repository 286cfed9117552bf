import { type Clock, parseThingName, type ThingName } from '@fleetward/core';
import {
  deleteMetricReports,
  getMetricHistory,
  getMetricReport,
  listMetricReports,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { DeviceMetrics } from './service.ts';
import type { ReportSummary } from './store.ts';

interface DeviceMetricsHandlersOptions {
  readonly metrics: DeviceMetrics;
  readonly clock: Clock;
  /** Throws `things.not_found`. */
  readonly assertThing: (thingName: ThingName) => void;
}

const dayMs = 86_400_000;

/** What things report of themselves, for operators. */
export function deviceMetricsHandlers({
  metrics,
  clock,
  assertThing,
}: DeviceMetricsHandlersOptions): readonly RouteHandler[] {
  const thingIn = (params: { readonly thingName: string }): ThingName => {
    const thingName = parseThingName(params.thingName);
    assertThing(thingName);
    return thingName;
  };
  return [
    handle(listMetricReports, async ({ params, query }) => {
      const { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, before, limit = 100 } = query;
      const below = before === undefined ? {} : { before };
      const page = await metrics.list(thingIn(params), { fromMs, toMs, limit, ...below });
      const next = page.length < limit ? undefined : page.at(-1)?.reportId;
      return { reports: page.map(summaryView), ...(next === undefined ? {} : { next }) };
    }),
    handle(getMetricReport, async ({ params }) => {
      const { reportId } = params;
      const id = reportId === 'newest' ? undefined : Number(reportId);
      const { report, ...summary } = await metrics.get(thingIn(params), id);
      return { ...summaryView(summary), report: { ...report } };
    }),
    handle(getMetricHistory, async ({ params, query }) => {
      const { metricName, bucketSeconds = 3_600, toMs = clock.now() + 1 } = query;
      const { fromMs = Math.max(0, toMs - dayMs) } = query;
      const wanted = { metricName, fromMs, toMs, bucketMs: bucketSeconds * 1_000 };
      return { metricName, bucketSeconds, buckets: [...(await metrics.history(thingIn(params), wanted))] };
    }),
    handle(deleteMetricReports, async ({ params, caller }) => {
      await metrics.delete(thingIn(params), operatorActor(caller));
      return undefined;
    }),
  ];
}

function summaryView({ reportId, receivedAtMs, bytes, numbers }: Omit<ReportSummary, 'thingName'>) {
  return { reportId, receivedAtMs, bytes, numbers };
}
