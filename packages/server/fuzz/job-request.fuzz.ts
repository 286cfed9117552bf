import { operationOf } from '../src/jobs/answer.ts';
import { readJobRequest, Unreadable } from '../src/jobs/payload.ts';

const limits = { statusDetailsMax: 32 };

export const seeds: readonly Uint8Array[] = [
  Buffer.from(JSON.stringify({ clientToken: 'a', status: 'IN_PROGRESS', statusDetails: { step: 'é' } })),
  Buffer.from(JSON.stringify({ stepTimeoutInMinutes: -1, expectedVersion: 3, includeJobDocument: true })),
  Buffer.from('lamp/jobs/$next/get'),
  Buffer.from('lamp/jobs/job-1/update'),
];

/** Whatever a device sends, and on whatever topic, is read within its bounds or refused with a code. */
export function fuzz(input: Uint8Array): void {
  const [thing = '', , ...rest] = Buffer.from(input).toString().split('/');
  operationOf(thing, rest);
  try {
    const { statusDetails = {}, stepTimeoutMinutes = 1 } = readJobRequest(input, limits);
    if (Object.keys(statusDetails).length > limits.statusDetailsMax) throw new Error('too many pairs');
    if (stepTimeoutMinutes < -1 || stepTimeoutMinutes === 0) throw new Error('no time');
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
}
