import type { BrokerName } from './brokers/broker.ts';
import type { BrokerFigures, Figures } from './figures.ts';
import type { Workload } from './workloads.ts';

export const titles: Record<BrokerName, string> = {
  fleetward: 'Fleetward',
  mosquitto: 'Mosquitto',
  floor: 'bare Node TLS router',
};

const widths = [22, 20, 13, 12, 8, 8, 10];

/** The table of one workload for people. */
export function formatFigures(figures: Figures, { title }: Workload): string {
  const head = row(['', 'messages/CPU second', 'messages/s', 'CPU share', 'lost']);
  const rows = Object.entries(figures.brokers).map(([name, broker]) =>
    row([titles[name as BrokerName], ...cells(broker)]),
  );
  return [`${figures.bench}: ${title}`, head, ...rows, `  ${ratios(figures)}`, ''].join('\n');
}

function cells(broker: BrokerFigures): readonly string[] {
  return [
    broker.messagesPerCpuSecond.toLocaleString('en'),
    broker.messagesPerSecond.toLocaleString('en'),
    `${Math.round(broker.brokerCpuShare * 100)} %`,
    String(broker.lost),
  ];
}

function row(values: readonly string[]): string {
  return `  ${values.map((value, index) => (index === 0 ? value.padEnd(widths[0]!) : value.padStart(widths[index]!))).join('')}`;
}

function ratios({ ratio, floorRatio, rounds }: Figures): string {
  const peer = ratio === null ? 'Mosquitto is not installed' : `${ratio.toFixed(2)}× Mosquitto`;
  return `Fleetward is at ${peer}, ${floorRatio.toFixed(2)}× the bare router (median of ${rounds})`;
}

/** A table for people; the first column is the broker by its name here. */
export function formatTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const named = rows.map(([name, ...cells]) => [titles[name as BrokerName] ?? name ?? '', ...cells]);
  return [title, row(head), ...named.map(row), ''].join('\n');
}
