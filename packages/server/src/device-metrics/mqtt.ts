import { type JsonObject, utf8 } from '@fleetward/core';
import { deviceMetricsFilters, encodeCbor } from '@fleetward/protocol';
import type { ReservedAnswer, ReservedFault, ReservedTopic } from '../reserved-topic.ts';
import type { ReportForm } from './read-report.ts';
import { type Rejection, rejection } from './refusal.ts';
import type { DeviceMetrics } from './service.ts';
import type { Accepted } from './writer.ts';

/** Reports as AWS IoT Device Defender takes them, on `$aws/things/THING/defender/metrics/json|cbor`: whoever is subscribed is told. */
export function deviceMetricsTopics(metrics: DeviceMetrics, nowMs: () => number): readonly ReservedTopic[] {
  const told = (topic: string, form: ReportForm, answer: Accepted | Rejection): ReservedAnswer => {
    const view = viewOf(thingOf(topic), answer, nowMs());
    const payload = form === 'cbor' ? encodeCbor(view) : utf8(JSON.stringify(view));
    return { kind: answer.kind, payload };
  };
  return deviceMetricsFilters.map(({ form, filter }) => ({
    service: 'device-metrics',
    filter,
    answersTo: 'subscribers',
    payloadBytesMax: metrics.reportBytesMax,
    answer: async ({ topic, payload }) =>
      told(topic, form, await metrics.report(thingOf(topic), payload, form)),
    rejected: ({ topic }, fault) => told(topic, form, faultOf(fault, metrics.reportBytesMax)),
  }));
}

function thingOf(topic: string): string {
  const [, , thingName = ''] = topic.split('/');
  return thingName;
}

function faultOf(fault: ReservedFault, reportBytesMax: number): Rejection {
  switch (fault) {
    case 'throttled':
      return rejection('Throttled', 'too many requests: try again later');
    case 'too-large':
      return rejection('InvalidPayload', `a report has ${reportBytesMax} bytes at most`);
    case 'failed':
      return rejection('InternalError', 'the platform failed');
  }
}

function viewOf(thingName: string, answer: Accepted | Rejection, timestamp: number): JsonObject {
  if (answer.kind === 'accepted')
    return { thingName, reportId: answer.reportId, status: 'ACCEPTED', timestamp };
  const statusDetails = { ErrorCode: answer.code, ErrorMessage: answer.message };
  return { thingName, status: 'REJECTED', statusDetails, timestamp };
}
