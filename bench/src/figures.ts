import type { BrokerName } from './brokers/broker.ts';
import type { LoadResult } from './load/run-load.ts';
import type { WorkloadName } from './workloads.ts';

/** One broker's runs under one workload, in the order they were made. */
export type Runs = Partial<Record<BrokerName, readonly LoadResult[]>>;

/** What `--json` prints, one a workload. */
export interface Figures {
  readonly bench: WorkloadName;
  /** Fleetward's messages a broker CPU second over Mosquitto's; null when Mosquitto is not installed. */
  readonly ratio: number | null;
  /** The same over the bare Node TLS router. */
  readonly floorRatio: number;
  readonly rounds: number;
  readonly brokers: Partial<Record<BrokerName, BrokerFigures>>;
}

/** Medians over the rounds, and what each round gave. */
export interface BrokerFigures {
  readonly messagesPerCpuSecond: number;
  readonly messagesPerSecond: number;
  /** Share of one processor the broker took; well below 1 when the load could not keep it busy. */
  readonly brokerCpuShare: number;
  readonly lost: number;
  readonly runs: readonly LoadResult[];
}

/** Ratios are taken within each round, where the machine was in one state, and their median is told. */
export function summarise(bench: WorkloadName, runs: Runs): Figures {
  const { fleetward = [], mosquitto, floor = [] } = runs;
  const brokers: Partial<Record<BrokerName, BrokerFigures>> = {};
  for (const name of ['fleetward', 'mosquitto', 'floor'] as const) {
    const results = runs[name];
    if (results !== undefined) brokers[name] = summariseBroker(results);
  }
  return {
    bench,
    ratio: mosquitto === undefined ? null : medianRatio(fleetward, mosquitto),
    floorRatio: medianRatio(fleetward, floor),
    rounds: fleetward.length,
    brokers,
  };
}

function summariseBroker(runs: readonly LoadResult[]): BrokerFigures {
  return {
    messagesPerCpuSecond: Math.round(median(runs.map(efficiency))),
    messagesPerSecond: Math.round(median(runs.map(({ deliveries, seconds }) => deliveries / seconds))),
    brokerCpuShare: rounded(median(runs.map(({ brokerCpuSeconds, seconds }) => brokerCpuSeconds / seconds))),
    lost: runs.reduce((sum, { lost }) => sum + lost, 0),
    runs,
  };
}

function medianRatio(ours: readonly LoadResult[], theirs: readonly LoadResult[]): number {
  return rounded(median(ours.map((run, round) => efficiency(run) / efficiency(theirs[round]!))));
}

function efficiency({ deliveries, brokerCpuSeconds }: LoadResult): number {
  return deliveries / Math.max(brokerCpuSeconds, 0.01); // a hundredth is the least /proc can tell
}

/** The middle value; of an even number the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('the median of nothing');
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
