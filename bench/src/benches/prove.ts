import {
  type AttachedPolicy,
  diffPolicies,
  findDead,
  proveAtMost,
  proveEqual,
  proveNever,
  proveNoCrossDevice,
} from '@fleetward/policy';
import { median } from '../figures.ts';
import { fiftyStatements } from '../policy/fifty-statements.ts';
import type { LibraryBench } from './bench.ts';

interface ProofFigures {
  readonly proof: string;
  readonly answer: string;
  /** Processor time of one proof, the median of the rounds. */
  readonly cpuMilliseconds: number;
  readonly states: number;
  readonly runs: readonly number[];
}

interface Answer {
  readonly answer: string;
  readonly states: number;
}

/** How long each kind of proof takes about a policy of fifty statements. */
export const prove: LibraryBench = {
  name: 'prove',
  async runAlone({ options, progress, signal }) {
    const proofs: ProofFigures[] = [];
    for (const [proof, run] of Object.entries(questions())) {
      signal.throwIfAborted();
      progress(`${this.name}: ${proof}`);
      proofs.push({ proof, ...measure(run, options.rounds) });
    }
    return { figures: { bench: this.name, statements: 50, proofs }, text: tableOf(proofs) };
  },
};

function questions(): Readonly<Record<string, () => Answer>> {
  const policies = fiftyStatements([]);
  const more = fiftyStatements([
    { Effect: 'Allow', Action: 'iot:Publish', Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/new/*' },
  ]);
  const verdict = ({
    verdict: answer,
    states,
  }: {
    readonly verdict: string;
    readonly states: number;
  }): Answer => ({ answer, states });
  const never = (action: string, resource: string) => () =>
    verdict(proveNever(policies, { action, resource }));
  return {
    'no-cross-device': () => verdict(proveNoCrossDevice(policies)),
    'never publish': never('publish', 'firmware/*'),
    'never receive': never('receive', '*/secret/*'),
    'never receive, no': never('receive', 'site/7/*'),
    'at-most': () => verdict(proveAtMost(policies, more)),
    'at-most, no': () => verdict(proveAtMost(more, policies)),
    equal: () => verdict(proveEqual(policies, policies)),
    diff: () => additions(diffPolicies(policies, more)),
    dead: () => deadOf(policies),
  };
}

function additions({ additions: found, states }: ReturnType<typeof diffPolicies>): Answer {
  return { answer: `${found.length} more`, states };
}

function deadOf(policies: readonly AttachedPolicy[]): Answer {
  const { dead, states } = findDead(policies);
  return { answer: `${dead.length} dead`, states };
}

function measure(run: () => Answer, rounds: number): Omit<ProofFigures, 'proof'> {
  run(); // compiles the code
  let last: Answer = { answer: '', states: 0 };
  const runs = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    last = run();
    const { user, system } = process.cpuUsage(before);
    return Math.round((user + system) / 100) / 10;
  });
  return { ...last, cpuMilliseconds: median(runs), runs };
}

function tableOf(proofs: readonly ProofFigures[]): string {
  const rows = proofs.map(({ proof, answer, cpuMilliseconds, states }) => {
    const time = `${cpuMilliseconds.toLocaleString('en')} ms`;
    return `  ${proof.padEnd(20)}${answer.padEnd(10)}${time.padStart(12)}${states.toLocaleString('en').padStart(12)} states`;
  });
  return ['prove: fifty statements, processor time of one proof', ...rows, ''].join('\n');
}
