import type { TemporaryFolder } from '@fleetward/testkit';
import type { Bench, Field, Finding } from './benches/bench.ts';
import { startFleetward } from './brokers/fleetward.ts';
import { startFloor } from './brokers/floor.ts';
import { mosquittoMissing, startMosquitto } from './brokers/mosquitto.ts';
import { makeServerCertificate } from './brokers/server-certificate.ts';
import { forkChild } from './child.ts';
import type { BenchOptions } from './options.ts';

export interface BenchRun {
  readonly options: BenchOptions;
  readonly folder: TemporaryFolder;
  readonly progress: (text: string) => void;
  readonly report: (finding: Finding) => void;
  readonly signal: AbortSignal;
}

/** Runs the benches of libraries, then starts the brokers and the load and runs the others, one after the other. */
export async function runBench(run: BenchRun): Promise<void> {
  const { benches } = run.options;
  for (const bench of benches) if ('runAlone' in bench) run.report(await bench.runAlone(run));
  const others = benches.filter((bench): bench is Bench => !('runAlone' in bench));
  if (others.length === 0) return;
  await using started = new AsyncDisposableStack();
  const field = await start(run, { others, started });
  for (const bench of others) run.report(await bench.run(field));
}

async function start(
  run: BenchRun,
  { others, started }: { readonly others: readonly Bench[]; readonly started: AsyncDisposableStack },
): Promise<Field> {
  const { options, folder, progress, signal } = run;
  const devices = Math.max(...others.map((bench) => bench.devices));
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
  const brokers = [broker, ...(mosquitto === undefined ? [] : [mosquitto]), floor];
  return { brokers, identities, load, folder, credentials, options, progress, signal };
}
