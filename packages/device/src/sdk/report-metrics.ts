import { readFileSync } from 'node:fs';
import type { Clock, JsonObject } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import { isObject, parseAnswer, textOf } from './ask.ts';
import type { DeviceConnection } from './connect-device.ts';
import { networkMetrics, type ReadText, readTraffic } from './network-metrics.ts';

/** A custom metric, as AWS IoT Device Defender has them. */
export type CustomMetric =
  | { readonly number: number }
  | { readonly number_list: readonly number[] }
  | { readonly string_list: readonly string[] }
  | { readonly ip_list: readonly string[] };

export interface ReportMetricsOptions {
  readonly thingName: string;
  readonly clock: Clock;
  /** Default 300,000, the shortest that AWS IoT takes. */
  readonly intervalMs?: number;
  /** Metrics of your own, asked for at each report. */
  readonly custom?: () => Readonly<Record<string, CustomMetric>>;
  /** Told what became of each report, for a log. */
  readonly onEvent?: (event: MetricsEvent) => void;
  /** Default: the kernel's files. */
  readonly read?: ReadText;
}

export type MetricsEvent =
  | { readonly kind: 'accepted'; readonly reportId: number }
  | { readonly kind: 'rejected'; readonly message: string }
  /** There was no connection, or no policy allows it; the next report tells of this time too. */
  | { readonly kind: 'not-sent'; readonly error: DeviceError };

export interface MetricsReporter {
  close(): Promise<void>;
}

/**
 * Reports connections, listening ports and traffic at an interval, on `$aws/things/THING/defender/metrics/json`; the first at once.
 * Resolves when the answers are subscribed to.
 */
export async function reportMetrics(
  connection: DeviceConnection,
  options: ReportMetricsOptions,
): Promise<MetricsReporter> {
  const { thingName, clock, intervalMs = 300_000, custom, onEvent, read = readKernel } = options;
  const topic = `$aws/things/${thingName}/defender/metrics/json`;
  let since = readTraffic(read);
  let lastId = 0;

  async function report(): Promise<void> {
    const { traffic, metrics } = networkMetrics(read, since);
    lastId = Math.max(lastId + 1, Math.floor(clock.now() / 1_000)); // it rises, also over restarts
    const customMetrics = Object.entries(custom?.() ?? {}).map(([name, value]) => [name, [value]]);
    const body = {
      header: { report_id: lastId, version: '1.0' },
      metrics,
      ...(customMetrics.length > 0 && { custom_metrics: Object.fromEntries(customMetrics) }),
    };
    try {
      // Nobody needs yesterday's numbers: a report waits for no connection.
      await connection.publish(topic, JSON.stringify(body), { signal: AbortSignal.timeout(intervalMs) });
      since = traffic;
    } catch (error) {
      onEvent?.({ kind: 'not-sent', error: notSent(error) });
    }
  }

  const subscriptions = await Promise.all([
    connection.subscribe(`${topic}/accepted`, ({ payload }) => onEvent?.(acceptedFrom(parseAnswer(payload)))),
    connection.subscribe(`${topic}/rejected`, ({ payload }) => onEvent?.(rejectedFrom(parseAnswer(payload)))),
  ]);
  void report();
  const timer = setInterval(() => void report(), intervalMs);
  return {
    async close() {
      clearInterval(timer);
      await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
    },
  };
}

function notSent(error: unknown): DeviceError {
  if (error instanceof DeviceError) return error;
  return new DeviceError('device.timeout', 'the report was not acknowledged before the next one', {
    cause: error,
  });
}

export function acceptedFrom({ reportId }: JsonObject): MetricsEvent {
  return { kind: 'accepted', reportId: typeof reportId === 'number' ? reportId : 0 };
}

export function rejectedFrom({ statusDetails }: JsonObject): MetricsEvent {
  const details = isObject(statusDetails) ? statusDetails : {};
  return { kind: 'rejected', message: `${textOf(details.ErrorCode)}: ${textOf(details.ErrorMessage)}` };
}

function readKernel(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined; // not Linux, or no IPv6
    throw error;
  }
}
