import type { TemporaryFolder } from '@fleetward/testkit';
import type { BenchBroker, BrokerName, Identity } from './brokers/broker.ts';
import { startFleetward } from './brokers/fleetward.ts';
import { startFloor } from './brokers/floor.ts';
import { mosquittoMissing, startMosquitto } from './brokers/mosquitto.ts';
import { makeServerCertificate } from './brokers/server-certificate.ts';
import { type Child, forkChild } from './child.ts';
import { type Figures, summarise } from './figures.ts';
import type { LoadRequest, LoadResult } from './load/run-load.ts';
import type { BenchOptions } from './options.ts';
import { deviceCount, type Workload, workload } from './workloads.ts';

export interface BenchRun {
  readonly options: BenchOptions;
  readonly folder: TemporaryFolder;
  readonly progress: (text: string) => void;
  readonly report: (figures: Figures, workload: Workload) => void;
  readonly signal: AbortSignal;
}

interface Field {
  readonly brokers: readonly BenchBroker[];
  readonly identities: readonly Identity[];
  readonly load: Child;
}

const loadTimeoutMs = 60_000;

/** Starts the brokers and the load, and puts each broker under each workload in turn, round after round. */
export async function runBench(run: BenchRun): Promise<void> {
  const workloads = run.options.workloads.map(workload);
  await using started = new AsyncDisposableStack();
  const field = await start(run, { devices: Math.max(...workloads.map(deviceCount)), started });
  for (const each of workloads) run.report(summarise(each.name, await measure(each, field, run)), each);
}

async function start(
  { options, folder, progress, signal }: BenchRun,
  { devices, started }: { readonly devices: number; readonly started: AsyncDisposableStack },
): Promise<Field> {
  progress(`starting Fleetward and enrolling ${devices} devices`);
  const { profileFolder } = options;
  const { broker, identities, authorities } = await startFleetward({ folder, devices, profileFolder });
  started.defer(broker.stop);
  signal.throwIfAborted();
  const { certificate: serverCertificate, key: serverKey } = await makeServerCertificate(folder);
  const credentials = { clientAuthorities: authorities, serverCertificate, serverKey };
  const mosquitto = await startMosquitto(folder, credentials);
  if (mosquitto === undefined) progress(mosquittoMissing);
  else started.defer(mosquitto.stop);
  const floor = await startFloor(credentials);
  started.defer(floor.stop);
  const load = forkChild(new URL('./load/load-child.ts', import.meta.url));
  started.defer(load.stop);
  return { brokers: [broker, ...(mosquitto === undefined ? [] : [mosquitto]), floor], identities, load };
}

async function measure(
  each: Workload,
  { brokers, identities, load }: Field,
  { options, progress, signal }: BenchRun,
): Promise<Partial<Record<BrokerName, LoadResult[]>>> {
  const runs: Partial<Record<BrokerName, LoadResult[]>> = {};
  for (let round = 0; round < options.rounds; round++) {
    // Each round begins with another broker: none is always the one after a pause.
    const turn = [...brokers.slice(round % brokers.length), ...brokers.slice(0, round % brokers.length)];
    for (const { name, pid, port, ca } of turn) {
      signal.throwIfAborted();
      progress(`${each.name}, round ${round + 1} of ${options.rounds}: ${name}`);
      const request: LoadRequest = {
        workload: each,
        endpoint: { port, ca },
        brokerPid: pid,
        identities,
        warmUpSeconds: Math.min(0.8, options.seconds),
        seconds: options.seconds,
      };
      const result = (await load.ask(request, { timeoutMs: loadTimeoutMs })) as LoadResult;
      runs[name] = [...(runs[name] ?? []), result];
    }
  }
  return runs;
}
