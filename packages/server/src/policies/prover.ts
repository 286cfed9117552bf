import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AttachedPolicy, Proof, Property } from '@fleetward/policy';
import { bareThread } from '../bare-thread.ts';
import { Turns } from '../turns.ts';
import { PoliciesError } from './errors.ts';

export interface ProofTask {
  readonly policies: readonly AttachedPolicy[];
  readonly property: Property;
  readonly statesMax: number;
}

/** What the thread answers. */
export type ProofAnswer =
  | { readonly kind: 'proved'; readonly proof: Proof }
  | { readonly kind: 'refused'; readonly message: string };

export interface ProofLimits {
  readonly statesMax: number;
  readonly timeoutMs: number;
  readonly pendingMax: number;
}

/** Proves in a thread of its own, one proof after the other: a proof is work for a processor, and may take seconds. */
export class Prover {
  readonly #limits: ProofLimits;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  #pending = 0;

  constructor(limits: ProofLimits) {
    this.#limits = limits;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Throws `policies.invalid_request` for a property that cannot be read, `policies.proofs_busy` when too many wait. */
  async prove(policies: readonly AttachedPolicy[], property: Property): Promise<Proof> {
    if (this.#pending >= this.#limits.pendingMax) {
      throw new PoliciesError(
        'policies.proofs_busy',
        `${this.#pending} proofs are waiting already: try again later`,
      );
    }
    this.#pending++;
    try {
      const { statesMax } = this.#limits;
      const answer = await this.#turns.take('proofs', () => this.#ask({ policies, property, statesMax }));
      if (answer.kind === 'proved') return answer.proof;
      throw new PoliciesError('policies.invalid_request', answer.message);
    } finally {
      this.#pending--;
    }
  }

  async #ask(task: ProofTask): Promise<ProofAnswer> {
    const { timeoutMs } = this.#limits;
    if (this.isClosed) throw stopping();
    const worker = new Worker(entry, {
      ...bareThread(),
      workerData: task,
      execArgv: conditions(),
      name: 'proof',
    });
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await new Promise<ProofAnswer>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        timeout.addEventListener('abort', () => resolve(tooSlow(timeoutMs)));
        this.#closing.signal.addEventListener('abort', () => reject(stopping()), { once: true });
      });
    } finally {
      await worker.terminate();
    }
  }
}

function stopping(): PoliciesError {
  return new PoliciesError('policies.proofs_busy', 'the platform stops: nothing is proved any more');
}

function tooSlow(timeoutMs: number): ProofAnswer {
  const summary = `undecided: too large: the proof takes more than ${timeoutMs} ms`;
  return {
    kind: 'proved',
    proof: { property: '', verdict: 'undecided', summary, assumptions: [], states: 0 },
  };
}

/** Compiled it stands beside this folder as JavaScript. */
const entry = join(
  import.meta.dirname,
  `../proof-worker-main${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);

/** The conditions that pick source or build in `exports`; no other flag of the process goes along. */
function conditions(): string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions=') || flag.startsWith('-C='));
}
