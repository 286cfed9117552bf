import type { BenchBroker } from '../brokers/broker.ts';
import { median, rounded } from '../figures.ts';
import type { PacedResult } from '../load/run-paced.ts';
import { formatTable } from '../report.ts';
import { deviceCount, workload } from '../workloads.ts';
import { type Bench, type Field, inRounds } from './bench.ts';
import { runWorkload } from './throughput.ts';

const peakWorkload = workload('fan-in');

interface LatencyRun extends PacedResult {
  readonly peakPerSecond: number;
}

/** How long a QoS 0 message takes at half of the throughput that the same broker reached a moment before. */
export const latency: Bench = {
  name: 'latency',
  devices: deviceCount(peakWorkload),
  async run(field) {
    const runs = await inRounds(this.name, field, (broker) => measure(broker, field));
    const found = field.brokers.map(({ name }) => ({ broker: name, ...summary(runs[name] ?? []) }));
    const rows = found.map((one) => [
      one.broker,
      one.messagesPerSecond.toLocaleString('en'),
      `${one.p50Ms} ms`,
      `${one.p99Ms} ms`,
      `${one.maxMs} ms`,
    ]);
    const title = 'latency: 300 publishers → 1 subscriber, QoS 0, at half of the peak of the same broker';
    return {
      figures: { bench: this.name, brokers: found },
      text: formatTable(title, ['', 'messages/s', 'p50', 'p99', 'max'], rows),
    };
  },
};

async function measure(broker: BenchBroker, field: Field): Promise<LatencyRun> {
  const { deliveries, seconds } = await runWorkload(peakWorkload, { broker, field });
  const peakPerSecond = Math.round(deliveries / seconds);
  const request = {
    kind: 'paced',
    endpoint: { port: broker.port, ca: broker.ca },
    identities: field.identities,
    publishers: peakWorkload.streams.map(({ publisher }) => publisher),
    topics: peakWorkload.streams.map(({ topic }) => topic),
    subscriber: 0,
    filter: 'telemetry/+',
    messagesPerSecond: peakPerSecond / 2,
    seconds: field.options.seconds,
  };
  return { peakPerSecond, ...((await field.load.ask(request, { timeoutMs: 60_000 })) as PacedResult) };
}

/** Medians over the rounds; `maxMs` is the largest of all. */
export function summary(runs: readonly PacedResult[]) {
  return {
    messagesPerSecond: Math.round(median(runs.map((run) => run.messages / run.seconds))),
    p50Ms: rounded(median(runs.map(({ p50Ms }) => p50Ms))),
    p99Ms: rounded(median(runs.map(({ p99Ms }) => p99Ms))),
    maxMs: rounded(Math.max(...runs.map(({ maxMs }) => maxMs))),
    lost: runs.reduce((sum, { lost }) => sum + lost, 0),
    runs,
  };
}
