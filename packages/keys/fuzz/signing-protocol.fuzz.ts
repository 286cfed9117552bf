import { KeysError } from '../src/errors.ts';
import { parseKeyName } from '../src/names.ts';
import {
  descriptionOf,
  encodeFailure,
  encodeResult,
  parseAnswer,
  recordsOf,
} from '../src/process/answers.ts';
import { encodeFrame, type Frame, FrameReader } from '../src/process/frames.ts';
import { parseRequest, requestHeader } from '../src/process/requests.ts';

const name = parseKeyName('ca');
const masterKeys = [
  { kind: 'file', path: '/key' } as const,
  { kind: 'environment', variable: 'KEY' } as const,
];

export const seeds: readonly Uint8Array[] = [
  encodeFrame(requestHeader({ id: 1, request: { kind: 'start', keyFolder: '/keys', masterKeys } })),
  encodeFrame(requestHeader({ id: 2, request: { kind: 'describe', name } }), Uint8Array.of(1, 2, 3)),
  encodeFrame({ id: 3, kind: 'generate', name, algorithm: 'ed25519', purpose: 'root-ca' }),
  encodeResult(4, { fields: { records: ['0123456789abcdef'] }, body: new Uint8Array(32) }),
  encodeResult(5, { fields: { name, algorithm: 'ed25519', purpose: 'root-ca' }, body: new Uint8Array(44) }),
  encodeFailure(6, new KeysError('keys.refused', 'no', { details: { lint: 'pki.lint' } })),
];

/** Reads the stream as either side would; each side may refuse it, but only in its own words. */
export function fuzz(input: Uint8Array): void {
  const frames: Frame[] = [];
  refusing(() => frames.push(...new FrameReader().push(input)));
  for (const frame of frames) {
    refusing(() => parseRequest(frame));
    refusing(() => {
      const answer = parseAnswer(frame);
      if (answer.kind === 'failed') return;
      refusing(() => descriptionOf(answer.fields, answer.body));
      refusing(() => recordsOf(answer.fields, answer.body));
    });
  }
}

function refusing(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
  }
}
