import type { BenchBroker, BrokerName } from '../brokers/broker.ts';
import { startPersistentMosquitto } from '../brokers/mosquitto.ts';
import { type Child, forkChild } from '../child.ts';
import { median, rounded } from '../figures.ts';
import type { AcksRequest, AcksResult } from '../load/run-acks.ts';
import type { PacedRequest, PacedResult } from '../load/run-paced.ts';
import { formatTable } from '../report.ts';
import { deviceName, range } from '../workloads.ts';
import { type Bench, type Field, inRounds, type Rounds } from './bench.ts';
import { summary } from './latency.ts';

const publishers = range(1, 100);
const window = 16;
const [probePublisher, probeSubscriber] = [101, 102];
const probesPerSecond = 500;

interface DurableRun extends AcksResult {
  readonly probe: PacedResult;
}

/** QoS 1 to a durable subscriber that is away, and how long a QoS 0 message takes meanwhile between two others. */
export const durable: Bench = {
  name: 'durable',
  devices: probeSubscriber + 1,
  async run(field) {
    await using started = new AsyncDisposableStack();
    const mosquitto = await startPersistentMosquitto(field.folder, field.credentials);
    if (mosquitto !== undefined) started.defer(mosquitto.stop);
    const probe = forkChild(new URL('../load/load-child.ts', import.meta.url));
    started.defer(probe.stop);
    const ours = field.brokers.filter(({ name }) => name === 'fleetward');
    const brokers = [...ours, ...(mosquitto === undefined ? [] : [mosquitto])];
    const runs = await inRounds(this.name, field, (broker) => measure(broker, { field, probe }), brokers);
    return finding(this.name, brokers, runs);
  },
};

async function measure(
  { port, ca, pid }: BenchBroker,
  { field, probe }: { readonly field: Field; readonly probe: Child },
): Promise<DurableRun> {
  const { identities, load, options } = field;
  const endpoint = { port, ca };
  const warmUpSeconds = Math.min(1, options.seconds);
  const times = { warmUpSeconds, seconds: options.seconds };
  const acks: AcksRequest = {
    endpoint,
    brokerPid: pid,
    identities,
    subscriber: 0,
    publishers,
    window,
    ...times,
  };
  const paced: PacedRequest = {
    endpoint,
    identities,
    publishers: [probePublisher],
    topics: [`commands/${deviceName(probeSubscriber)}`],
    subscriber: probeSubscriber,
    filter: `commands/${deviceName(probeSubscriber)}`,
    messagesPerSecond: probesPerSecond,
    seconds: options.seconds,
  };
  const [acknowledged, probed] = await Promise.all([
    load.ask({ kind: 'acks', ...acks }, { timeoutMs: 90_000 }),
    probe.ask({ kind: 'paced', ...paced }, { timeoutMs: 90_000 }),
  ]);
  return { ...(acknowledged as AcksResult), probe: probed as PacedResult };
}

function finding(bench: string, brokers: readonly BenchBroker[], runs: Rounds<DurableRun>) {
  const efficiency = (run: DurableRun) => run.acknowledged / Math.max(run.brokerCpuSeconds, 0.01);
  const { fleetward = [], mosquitto } = runs;
  const ratio =
    mosquitto === undefined
      ? null
      : rounded(median(fleetward.map((run, round) => efficiency(run) / efficiency(mosquitto[round]!))));
  const found = brokers.map(({ name }) => figuresOf(name, runs[name] ?? [], efficiency));
  const rows = found.map((one) => [
    one.broker,
    one.messagesPerCpuSecond.toLocaleString('en'),
    one.messagesPerSecond.toLocaleString('en'),
    `${one.qos0.p50Ms} ms`,
    `${one.qos0.p99Ms} ms`,
  ]);
  const title = `${bench}: QoS 1, 100 publishers with 16 in flight, durable subscriber away; ${ratio}× Mosquitto`;
  const head = ['', 'acks/CPU second', 'acks/s', 'QoS 0 p50', 'p99'];
  return { figures: { bench, ratio, brokers: found }, text: formatTable(title, head, rows) };
}

function figuresOf(broker: BrokerName, runs: readonly DurableRun[], efficiency: (run: DurableRun) => number) {
  return {
    broker,
    messagesPerCpuSecond: Math.round(median(runs.map(efficiency))),
    messagesPerSecond: Math.round(median(runs.map((run) => run.acknowledged / run.seconds))),
    qos0: summary(runs.map(({ probe }) => probe)),
    runs,
  };
}
