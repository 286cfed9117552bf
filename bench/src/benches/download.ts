import { randomBytes } from 'node:crypto';
import { temporaryFolder } from '@fleetward/testkit';
import { type DownloadRun, measureDownload } from '../download/measure.ts';
import { type FileServer, startFileServers } from '../download/servers.ts';
import { median } from '../figures.ts';
import { formatTable } from '../report.ts';
import { residentBytes } from '../resident-bytes.ts';
import type { LibraryBench } from './bench.ts';

const lengthBytes = 100_000_000;
const timesPerRound = 5;

type Name = FileServer['name'];

/** An artifact of 100 MB to one device over mutual TLS, beside Debian's nginx. */
export const download: LibraryBench = {
  name: 'download',
  async runAlone({ options, progress, signal }) {
    using folder = temporaryFolder('fleetward-download-');
    await using started = new AsyncDisposableStack();
    progress('download: starting Fleetward and nginx');
    const artifact = randomBytes(lengthBytes);
    const { profileFolder } = options;
    const { servers, device } = await startFileServers(folder, { artifact, profileFolder, started });
    const measure = (server: FileServer, times: number) =>
      measureDownload(server, { device, times, lengthBytes });
    for (const server of servers) await measure(server, 1);
    const before = Object.fromEntries(servers.map(({ name, pid }) => [name, residentBytes(pid).now]));
    const runs: Record<Name, DownloadRun[]> = { fleetward: [], nginx: [] };
    for (let round = 0; round < options.rounds; round++) {
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        signal.throwIfAborted();
        progress(`download, round ${round + 1} of ${options.rounds}: ${server.name}`);
        runs[server.name].push(await measure(server, timesPerRound));
      }
    }
    const memory = Object.fromEntries(
      servers.map(({ name, pid }) => [name, { before: before[name], ...residentBytes(pid) }]),
    );
    const ratio = ratioOf(runs, 'megabytesPerSecond');
    const cpuRatio = ratioOf(runs, 'megabytesPerCpuSecond');
    return {
      figures: { bench: this.name, lengthBytes, ratio, cpuRatio, memory, runs },
      text: tableOf({ runs, memory, ratio, cpuRatio }),
    };
  },
};

/** Fleetward over nginx within each round; the median of them. */
function ratioOf({ fleetward, nginx }: Record<Name, DownloadRun[]>, figure: keyof DownloadRun): number {
  const ratios = fleetward.map((run, round) => run[figure] / (nginx[round]?.[figure] ?? Number.NaN));
  return Math.round(median(ratios) * 100) / 100;
}

function tableOf(found: {
  readonly runs: Record<Name, DownloadRun[]>;
  readonly memory: Record<
    string,
    { readonly before?: number | undefined; readonly now: number; readonly most: number }
  >;
  readonly ratio: number;
  readonly cpuRatio: number;
}): string {
  const inMegabytes = (bytes = Number.NaN) => `${(bytes / 1e6).toFixed(0)} MB`;
  const rows = Object.entries(found.runs).map(([name, runs]) => {
    const { before, now, most } = found.memory[name] ?? { now: Number.NaN, most: Number.NaN };
    return [
      name,
      String(median(runs.map((run) => run.megabytesPerSecond))),
      String(median(runs.map((run) => run.megabytesPerCpuSecond))),
      `${inMegabytes(before)} → ${inMegabytes(now)}`,
      inMegabytes(most),
    ];
  });
  const title = `download: 100 MB over mutual TLS 1.3 by curl; ${found.ratio}× nginx, ${found.cpuRatio}× a CPU second`;
  return formatTable(title, ['', 'MB/s', 'MB/CPU second', 'RSS', 'most'], rows);
}
