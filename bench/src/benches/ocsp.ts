import { temporaryFolder } from '@fleetward/testkit';
import { cpuSeconds } from '../cpu-seconds.ts';
import { median } from '../figures.ts';
import { askFor, type Responder, untilItAnswers } from '../ocsp/ask.ts';
import { fleetwardResponder, opensslResponder } from '../ocsp/responders.ts';
import { formatTable } from '../report.ts';
import type { LibraryBench } from './bench.ts';

interface OcspRun {
  readonly answersPerSecond: number;
  readonly answersPerCpuSecond: number;
}

const warmUpSeconds = 1;

/** OCSP over HTTP without a nonce, beside the responder of openssl. */
export const ocsp: LibraryBench = {
  name: 'ocsp',
  async runAlone({ options, progress, signal }) {
    using folder = temporaryFolder('fleetward-ocsp-');
    const figures: Partial<Record<Responder['name'], OcspRun>> = {};
    for (const start of [fleetwardResponder, opensslResponder]) {
      signal.throwIfAborted();
      const responder = await start(folder);
      try {
        await untilItAnswers(responder);
        await askFor(warmUpSeconds, responder);
        const runs: OcspRun[] = [];
        for (let round = 0; round < options.rounds; round++) {
          progress(`ocsp, round ${round + 1} of ${options.rounds}: ${responder.name}`);
          runs.push(await measure(responder, options.seconds));
        }
        figures[responder.name] = {
          answersPerSecond: median(runs.map((run) => run.answersPerSecond)),
          answersPerCpuSecond: median(runs.map((run) => run.answersPerCpuSecond)),
        };
      } finally {
        await responder.stop();
      }
    }
    return { figures: { bench: this.name, ...figures }, text: tableOf(figures) };
  },
};

async function measure(responder: Responder, seconds: number): Promise<OcspRun> {
  const [began, cpu] = [performance.now(), cpuSeconds(responder.pid)];
  const answers = await askFor(seconds, responder);
  const used = cpuSeconds(responder.pid) - cpu;
  return {
    answersPerSecond: Math.round((answers * 1000) / (performance.now() - began)),
    answersPerCpuSecond: Math.round(answers / used),
  };
}

function tableOf(figures: Partial<Record<Responder['name'], OcspRun>>): string {
  const rows = Object.entries(figures).map(([name, { answersPerSecond, answersPerCpuSecond }]) => [
    name,
    String(answersPerSecond),
    String(answersPerCpuSecond),
  ]);
  return formatTable('ocsp: answers over HTTP, no nonce', ['', 'a second', 'a CPU second'], rows);
}
