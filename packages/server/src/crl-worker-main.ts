import { parentPort } from 'node:worker_threads';
import { isAppError } from '@fleetward/core';
import type { CrlAnswer, CrlRequest } from './certificates/crl-builder.ts';
import { crlWork } from './certificates/crl-work.ts';

// The thread that makes CRLs, one task after the other, and keeps nothing between them. What fails in any other way than in our own words ends
// it: whoever asked starts another.
const port = parentPort;
if (port === null) throw new TypeError('this module is the entry point of a worker thread');
port.on('message', (request: CrlRequest) => {
  const answer = answerTo(request);
  port.postMessage(answer, transferable(answer));
});

function answerTo({ id, kind, task }: CrlRequest): CrlAnswer {
  try {
    // The kind says which task goes with it: `CrlBuilder` is typed by both.
    const work = crlWork[kind] as (task: unknown) => ReturnType<(typeof crlWork)[typeof kind]>;
    return { id, kind: 'done', result: work(task) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { id, kind: 'refused', message: error.message };
  }
}

function transferable(answer: CrlAnswer): ArrayBuffer[] {
  if (answer.kind !== 'done' || typeof answer.result !== 'object' || !('kind' in answer.result)) return [];
  return answer.result.kind === 'built' ? [answer.result.tbs.buffer] : [];
}
