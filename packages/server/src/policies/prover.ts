import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AttachedPolicy, Proof, Property } from '@fleetward/policy';
import { bareThread, resolutionFlags } from '../bare-thread.ts';
import { Turns } from '../turns.ts';
import { PoliciesError } from './errors.ts';
import type { ProofWork } from './proof-work.ts';

export interface ProofTask {
  readonly kind: keyof ProofWork;
  readonly input: unknown;
}

/** What the thread answers. */
export type ProofAnswer =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'refused'; readonly message: string };

export interface ProofLimits {
  readonly statesMax: number;
  readonly timeoutMs: number;
  readonly pendingMax: number;
}

type Input<Kind extends keyof ProofWork> = Omit<Parameters<ProofWork[Kind]>[0], 'statesMax'>;
type Result<Kind extends keyof ProofWork> = ReturnType<ProofWork[Kind]>;

/** Works in a thread of its own, one task after the other: a proof is work for a processor, and may take seconds. */
export class Prover {
  readonly #limits: ProofLimits;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  #waiting = 0;
  #done = 0;
  #tooManyStates = 0;
  #tooSlow = 0;
  #tooManyWaiting = 0;

  constructor(limits: ProofLimits) {
    this.#limits = limits;
  }

  /** Tasks that run or wait, and since the start those that ended, by what ended them. */
  get counts(): Readonly<Record<'waiting' | 'done' | 'statesMax' | 'timeoutMs' | 'pendingMax', number>> {
    return {
      waiting: this.#waiting,
      done: this.#done,
      statesMax: this.#tooManyStates,
      timeoutMs: this.#tooSlow,
      pendingMax: this.#tooManyWaiting,
    };
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort();
  }

  /** A proof that takes too long is undecided. Throws as `work`. */
  async prove(policies: readonly AttachedPolicy[], property: Property): Promise<Proof> {
    try {
      return await this.work('prove', { policies, property });
    } catch (error) {
      if (!(error instanceof PoliciesError) || error.code !== 'policies.proof_timeout') throw error;
      const summary = `undecided: too large: ${error.message}`;
      return { property: '', verdict: 'undecided', summary, assumptions: [], states: 0 };
    }
  }

  /**
   * Throws `policies.invalid_request` for what cannot be read, `policies.proofs_busy` when too many wait, and
   * `policies.proof_timeout`.
   */
  async work<Kind extends keyof ProofWork>(kind: Kind, input: Input<Kind>): Promise<Result<Kind>> {
    if (this.#waiting >= this.#limits.pendingMax) {
      this.#tooManyWaiting++;
      throw new PoliciesError(
        'policies.proofs_busy',
        `${this.#waiting} proofs are waiting already: try again later`,
      );
    }
    this.#waiting++;
    try {
      const { statesMax } = this.#limits;
      const task = { kind, input: { ...input, statesMax } };
      const answer = await this.#turns.take('proofs', () => this.#ask(task));
      this.#done++;
      if (answer.kind === 'refused') throw new PoliciesError('policies.invalid_request', answer.message);
      if (hasTooManyStates(answer.result, statesMax)) this.#tooManyStates++;
      // The thread runs the work of this kind.
      return answer.result as Result<Kind>;
    } finally {
      this.#waiting--;
    }
  }

  async #ask(task: ProofTask): Promise<ProofAnswer> {
    const { timeoutMs } = this.#limits;
    if (this.isClosed) throw stopping();
    const worker = new Worker(entry, {
      ...bareThread(),
      workerData: task,
      execArgv: resolutionFlags(),
      name: 'proof',
    });
    const ending = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await new Promise<ProofAnswer>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        ending.addEventListener('abort', () => reject(this.isClosed ? stopping() : this.#slow()));
      });
    } finally {
      await worker.terminate();
    }
  }

  #slow(): PoliciesError {
    this.#tooSlow++;
    const { timeoutMs } = this.#limits;
    return new PoliciesError(
      'policies.proof_timeout',
      `it takes more than ${timeoutMs} ms (\`proofLimits.timeoutMs\`)`,
    );
  }
}

/** Every answer about policies tells how many it made, synthesis that of its comparison. */
function hasTooManyStates(result: unknown, statesMax: number): boolean {
  if (typeof result !== 'object' || result === null) return false;
  if ('beyond' in result) return hasTooManyStates(result.beyond, statesMax);
  return 'states' in result && typeof result.states === 'number' && result.states > statesMax;
}

function stopping(): PoliciesError {
  return new PoliciesError('policies.proofs_busy', 'the platform stops: nothing is proved any more');
}

/** Compiled it stands beside this folder as JavaScript. */
const entry = join(
  import.meta.dirname,
  `../proof-worker-main${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);
