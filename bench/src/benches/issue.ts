import { median } from '../figures.ts';
import { deviceCsrs } from '../issue/device-csrs.ts';
import { fleetwardIssuer } from '../issue/fleetward-issuer.ts';
import type { Issuer } from '../issue/issuer.ts';
import { nodeCryptoIssuer } from '../issue/node-crypto-issuer.ts';
import { pkijsIssuer } from '../issue/pkijs-issuer.ts';
import type { LibraryBench } from './bench.ts';

interface IssueRun {
  readonly certificates: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface IssueFigures {
  readonly certificatesPerSecond: number;
  readonly certificatesPerCpuSecond: number;
  readonly runs: readonly IssueRun[];
}

/** About half a second of work, so that a slow machine and a slow peer come to an end. */
const perSecond = { fleetward: 4_096, 'node:crypto': 4_096, pkijs: 200 } as const;

/** Device certificates from CSR to durable record, beside the runtime's cryptography alone and a library that only signs. */
export const issue: LibraryBench = {
  name: 'issue',
  async runAlone({ options, progress, signal }) {
    await using opened = new AsyncDisposableStack();
    const issuers: Issuer[] = [];
    for (const open of [fleetwardIssuer, nodeCryptoIssuer, pkijsIssuer]) {
      const issuer = await open();
      opened.defer(() => issuer.stop());
      issuers.push(issuer);
    }
    const runs: Record<Issuer['name'], IssueRun[]> = { fleetward: [], 'node:crypto': [], pkijs: [] };
    for (let round = 0; round < options.rounds; round++) {
      for (const issuer of round % 2 === 0 ? issuers : issuers.toReversed()) {
        signal.throwIfAborted();
        progress(`${this.name}, round ${round + 1} of ${options.rounds}: ${issuer.name}`);
        const count = Math.ceil(perSecond[issuer.name] * options.seconds);
        runs[issuer.name].push(await measure(issuer, { count, round }));
      }
    }
    const figures = {
      fleetward: summarise(runs.fleetward),
      'node:crypto': summarise(runs['node:crypto']),
      pkijs: summarise(runs.pkijs),
    };
    const [ratio, floorRatio] = [runs.pkijs, runs['node:crypto']].map((others) =>
      median(runs.fleetward.map((run, at) => rate(run) / rate(others[at]!))),
    );
    const ratios = { ratio: ratio!, floorRatio: floorRatio! };
    return { figures: { bench: this.name, ...ratios, ...figures }, text: tableOf(figures, ratios) };
  },
};

async function measure(
  issuer: Issuer,
  { count, round }: { readonly count: number; readonly round: number },
): Promise<IssueRun> {
  const warmUp = deviceCsrs(round === 0 ? Math.ceil(count / 4) : 0, 'warm');
  const csrs = deviceCsrs(count, `round-${round}`);
  await issuer.issue(warmUp);
  const before = { cpuSeconds: issuer.cpuSeconds(), ms: performance.now() };
  await issuer.issue(csrs);
  return {
    certificates: count,
    seconds: (performance.now() - before.ms) / 1000,
    cpuSeconds: issuer.cpuSeconds() - before.cpuSeconds,
  };
}

function rate({ certificates, cpuSeconds }: IssueRun): number {
  return certificates / cpuSeconds;
}

function summarise(runs: readonly IssueRun[]): IssueFigures {
  return {
    certificatesPerSecond: Math.round(
      median(runs.map(({ certificates, seconds }) => certificates / seconds)),
    ),
    certificatesPerCpuSecond: Math.round(median(runs.map(rate))),
    runs,
  };
}

function tableOf(
  figures: Readonly<Record<Issuer['name'], IssueFigures>>,
  { ratio, floorRatio }: { readonly ratio: number; readonly floorRatio: number },
): string {
  const rows = Object.entries(figures).map(
    ([name, { certificatesPerSecond, certificatesPerCpuSecond }]) =>
      `  ${name.padEnd(11)} ${String(certificatesPerSecond).padStart(12)} ${String(certificatesPerCpuSecond).padStart(16)}`,
  );
  return [
    'issue: device certificates, P-256, from CSR (DER) to durable record',
    `  ${'issuer'.padEnd(11)} ${'a second'.padStart(12)} ${'a CPU second'.padStart(16)}`,
    ...rows,
    `  ${ratio.toFixed(1)} times the library a second of processor time, ${floorRatio.toFixed(2)} of what the runtime's cryptography alone allows`,
  ].join('\n');
}
