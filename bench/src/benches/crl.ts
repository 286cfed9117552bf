import { type CrlRun, measureCrls } from '../crl/measure.ts';
import { opensslCrlMs } from '../crl/openssl-crl.ts';
import { median } from '../figures.ts';
import { formatTable } from '../report.ts';
import type { LibraryBench } from './bench.ts';

const entries = 100_000;

/** A full CRL, built, linted, signed, verified and kept, beside `openssl ca -gencrl`. */
export const crl: LibraryBench = {
  name: 'crl',
  async runAlone({ options, progress, signal }) {
    progress(`crl: ${options.rounds} of ${entries} entries`);
    const runs = await measureCrls({ entries, rounds: options.rounds, signal });
    progress('crl: openssl');
    const opensslMs: number[] = [];
    for (let round = 0; round < options.rounds; round++) opensslMs.push(await opensslCrlMs(entries));
    const of = (name: keyof CrlRun): number => median(runs.map((run) => run[name]));
    const fleetward = {
      ms: of('ms'),
      servingCpuMs: of('servingCpuMs'),
      loopCpuMs: of('loopCpuMs'),
      loopDelayMs: of('loopDelayMaxMs'),
      loopDelayMaxMs: Math.max(...runs.map(({ loopDelayMaxMs }) => loopDelayMaxMs)),
    };
    const openssl = { ms: median(opensslMs) };
    const text = formatTable(
      `crl: ${entries} entries, signed and kept (ECDSA P-256); CPU of the serving process and of its event loop, longest wait of others in it: median and most`,
      ['', 'ms', 'CPU ms', 'loop CPU ms', 'wait ms', 'most ms'],
      [
        ['fleetward', ...Object.values(fleetward).map((value) => value.toFixed(0))],
        ['openssl ca -gencrl', openssl.ms.toFixed(0), '', '', '', ''],
      ],
    );
    return { figures: { bench: this.name, entries, fleetward, openssl, runs }, text };
  },
};
