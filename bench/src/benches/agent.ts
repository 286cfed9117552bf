import { type AgentRun, type ContenderName, contenderNames, openContenders } from '../agent/measure.ts';
import { median } from '../figures.ts';
import { formatTable } from '../report.ts';
import type { LibraryBench } from './bench.ts';

/** The update agent from its start to its first report at the platform, and its memory after a pass, beside the bare runtime. */
export const agent: LibraryBench = {
  name: 'agent',
  async runAlone({ options, progress, signal }) {
    progress('agent: starting Fleetward');
    await using contenders = await openContenders(options.rounds);
    const runs: Record<ContenderName, AgentRun[]> = { 'fleetward-agent': [], 'bare Node': [] };
    for (let round = 0; round < options.rounds; round++) {
      for (const name of round % 2 === 0 ? contenderNames : contenderNames.toReversed()) {
        signal.throwIfAborted();
        progress(`agent, round ${round + 1} of ${options.rounds}: ${name}`);
        runs[name].push(await contenders.run(name, round));
      }
    }
    const figures = Object.fromEntries(contenderNames.map((name) => [name, summarise(runs[name])]));
    return { figures: { bench: this.name, rounds: options.rounds, ...figures }, text: tableOf(runs) };
  },
};

function summarise(runs: readonly AgentRun[]) {
  const of = (name: keyof AgentRun) => median(runs.map((run) => run[name]));
  return {
    connectedMs: of('connectedMs'),
    leastConnectedMs: Math.min(...runs.map(({ connectedMs }) => connectedMs)),
    cpuMs: of('cpuMs'),
    residentBytes: of('residentBytes'),
    mostResidentBytes: of('mostResidentBytes'),
    runs,
  };
}

function tableOf(runs: Record<ContenderName, readonly AgentRun[]>): string {
  const rows = contenderNames.map((name) => {
    const figures = summarise(runs[name]);
    const inMegabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    return [
      name,
      figures.connectedMs.toFixed(0),
      figures.leastConnectedMs.toFixed(0),
      figures.cpuMs.toFixed(0),
      inMegabytes(figures.residentBytes),
      inMegabytes(figures.mostResidentBytes),
    ];
  });
  const title =
    'agent: from its start to what it told the platform; processor time and memory (MB) after its first pass';
  return formatTable(title, ['', 'ms', 'least ms', 'CPU ms', 'RSS', 'most'], rows);
}
