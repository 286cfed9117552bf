import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerName } from '../brokers/broker.ts';
import { type Panel, plot } from '../plot.ts';
import { formatTable, titles } from '../report.ts';
import { deviceCount, sweepWorkload, type Workload } from '../workloads.ts';
import type { Bench, Field } from './bench.ts';
import { runWorkload } from './throughput.ts';

const publishersPlotted = [10, 30, 100, 300];
const payloadsPlotted = [64, 256, 1_024, 4_096, 16_384];
const [publishersOfPayloads, payloadOfPublishers] = [40, 64];

interface Point {
  readonly x: number;
  readonly broker: BrokerName;
  readonly messagesPerCpuSecond: number;
  readonly messagesPerSecond: number;
  readonly lost: number;
}

/** Throughput against the number of connections and against the payload, one run a point, as JSON and as a plot. */
export const sweep: Bench = {
  name: 'sweep',
  devices: deviceCount(sweepWorkload(Math.max(...publishersPlotted), payloadOfPublishers)),
  async run(field) {
    const connections = await points(field, publishersPlotted, (x) => sweepWorkload(x, payloadOfPublishers));
    const payloads = await points(field, payloadsPlotted, (x) => sweepWorkload(publishersOfPayloads, x));
    const figures = { bench: this.name, seconds: field.options.seconds, connections, payloads };
    const panels = [
      panel(`publishers (${payloadOfPublishers} bytes)`, connections),
      panel(`bytes of payload (${publishersOfPayloads} publishers)`, payloads),
    ];
    const { outFolder } = field.options;
    mkdirSync(outFolder, { recursive: true });
    writeFileSync(join(outFolder, 'throughput.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
    writeFileSync(join(outFolder, 'throughput.svg'), plot('messages a CPU second, QoS 0 fan-in', panels));
    const title = `sweep: written to ${join(outFolder, 'throughput.svg')} and .json`;
    const rows = [...connections, ...payloads].map((point) => [
      point.broker,
      point.x.toLocaleString('en'),
      point.messagesPerCpuSecond.toLocaleString('en'),
      point.messagesPerSecond.toLocaleString('en'),
      `${point.lost}`,
    ]);
    const head = ['', 'publishers or bytes', 'msg/CPU s', 'msg/s', 'lost'];
    return { figures, text: formatTable(title, head, rows) };
  },
};

async function points(
  field: Field,
  xs: readonly number[],
  workloadAt: (x: number) => Workload,
): Promise<readonly Point[]> {
  const found: Point[] = [];
  for (const x of xs)
    for (const broker of field.brokers) {
      field.signal.throwIfAborted();
      const each = workloadAt(x);
      field.progress(`${each.name}: ${broker.name}`);
      const { deliveries, seconds, brokerCpuSeconds, lost } = await runWorkload(each, { broker, field });
      const messagesPerCpuSecond = Math.round(deliveries / Math.max(brokerCpuSeconds, 0.01));
      const messagesPerSecond = Math.round(deliveries / seconds);
      found.push({ x, broker: broker.name, messagesPerCpuSecond, messagesPerSecond, lost });
    }
  return found;
}

function panel(xTitle: string, found: readonly Point[]): Panel {
  const names = [...new Set(found.map(({ broker }) => broker))];
  const lines = names.map((name) => ({
    title: titles[name],
    points: found
      .filter(({ broker }) => broker === name)
      .map(({ x, messagesPerCpuSecond }) => ({ x, y: messagesPerCpuSecond })),
  }));
  return { xTitle, lines };
}
