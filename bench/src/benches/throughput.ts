import type { BenchBroker } from '../brokers/broker.ts';
import { summarise } from '../figures.ts';
import type { LoadResult } from '../load/run-load.ts';
import { formatFigures } from '../report.ts';
import { deviceCount, type Workload, type WorkloadName, workload } from '../workloads.ts';
import { type Bench, type Field, inRounds } from './bench.ts';

const loadTimeoutMs = 90_000;

/** How many messages each broker delivers a second of processor time under one workload. */
export function throughputBench(name: WorkloadName): Bench {
  const each = workload(name);
  return {
    name,
    devices: deviceCount(each),
    async run(field) {
      const figures = summarise(
        name,
        await inRounds(name, field, (broker) => runWorkload(each, { broker, field })),
      );
      return { figures, text: formatFigures(figures, each) };
    },
  };
}

/** One run of a workload on one broker. */
export async function runWorkload(
  each: Workload,
  { broker, field }: { readonly broker: BenchBroker; readonly field: Field },
): Promise<LoadResult> {
  const request = {
    kind: 'workload',
    workload: each,
    endpoint: { port: broker.port, ca: broker.ca },
    brokerPid: broker.pid,
    identities: field.identities,
    warmUpSeconds: Math.min(0.8, field.options.seconds),
    seconds: field.options.seconds,
  };
  return (await field.load.ask(request, { timeoutMs: loadTimeoutMs })) as LoadResult;
}
