import { parentPort, workerData } from 'node:worker_threads';
import { isAppError } from '@fleetward/core';
import { proofWork } from './policies/proof-work.ts';
import type { ProofAnswer, ProofTask } from './policies/prover.ts';

// One task in a thread of its own: whatever it costs, connections and decisions go on beside it.
parentPort?.postMessage(answer(workerData as ProofTask));

function answer({ kind, input }: ProofTask): ProofAnswer {
  try {
    // The kind says which input goes with it: `Prover` is typed by both.
    const work = proofWork[kind] as (input: unknown) => unknown;
    return { kind: 'done', result: work(input) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: 'refused', message: error.message };
  }
}
