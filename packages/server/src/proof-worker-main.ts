import { parentPort, workerData } from 'node:worker_threads';
import { isAppError } from '@fleetward/core';
import { prove } from '@fleetward/policy';
import type { ProofAnswer, ProofTask } from './policies/prover.ts';

// One proof in a thread of its own: whatever it costs, connections and decisions go on beside it.
parentPort?.postMessage(answer(workerData as ProofTask));

function answer({ policies, property, statesMax }: ProofTask): ProofAnswer {
  try {
    return { kind: 'proved', proof: prove(policies, property, { statesMax }) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: 'refused', message: error.message };
  }
}
