import type { BenchBroker } from '../brokers/broker.ts';
import { formatTable } from '../report.ts';
import { residentBytes } from '../resident-bytes.ts';
import type { Bench, Field } from './bench.ts';

const connections = 5_000;
const warmUpConnections = 300;
const settleMs = 3_000;

/** What an idle connection over mutual TLS costs in resident memory. One round: 5,000 connections are many. */
export const idleMemory: Bench = {
  name: 'idle-memory',
  devices: 300,
  async run(field) {
    const found = [];
    for (const broker of field.brokers) {
      field.signal.throwIfAborted();
      field.progress(`${this.name}: ${broker.name}`);
      found.push({ broker: broker.name, bytesPerConnection: await measure(broker, field) });
    }
    const ours = found.find(({ broker }) => broker === 'fleetward')?.bytesPerConnection ?? 0;
    const floor = found.find(({ broker }) => broker === 'floor')?.bytesPerConnection ?? 0;
    const floorRatio = Math.round((ours / floor) * 100) / 100;
    const rows = found.map(({ broker, bytesPerConnection }) => [
      broker,
      `${(bytesPerConnection / 1000).toFixed(1)} kB`,
    ]);
    const title = `idle-memory: ${connections} idle connections over mutual TLS; ${floorRatio}× the bare server's`;
    return {
      figures: { bench: this.name, connections, floorRatio, brokers: found },
      text: formatTable(title, ['', 'RSS each'], rows),
    };
  },
};

async function measure(broker: BenchBroker, { load, identities }: Field): Promise<number> {
  const { port, ca, pid } = broker;
  const open = (count: number) =>
    load.ask(
      { kind: 'idle', endpoint: { port, ca }, identities, connections: count },
      { timeoutMs: 120_000 },
    );
  await open(warmUpConnections);
  await open(0);
  await pause(settleMs);
  const before = residentBytes(pid).now;
  await open(connections);
  await pause(settleMs);
  const after = residentBytes(pid).now;
  await open(0);
  return Math.round((after - before) / connections);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
