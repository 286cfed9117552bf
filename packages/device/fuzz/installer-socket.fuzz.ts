import { isAppError } from '@fleetward/core';
import { formatAnswer, formatStep, parseAnswer, parseStep } from '../src/installer/step.ts';
import { parseServiceNotes } from '../src/installer-service/notes.ts';
import { DamagedState } from '../src/slots/fields.ts';

const image = { version: '1.1.0', sha256: 'a'.repeat(64), lengthBytes: 18 };

export const seeds: readonly Uint8Array[] = [
  formatStep({ verb: 'install', image }),
  formatStep({ verb: 'status', image: undefined }),
  formatAnswer({ kind: 'done', output: Buffer.from('{"running":"1.0.0"}') }),
  formatAnswer({ kind: 'failed', explanation: 'no such partition' }),
  JSON.stringify({ format: 1, securityFloor: 3, installed: { sha256: image.sha256, securityVersion: 4 } }),
].map((text) => Buffer.from(text));

/** What passes between agent and installer service, and what the service keeps, is read or refused in words of ours. */
export function fuzz(bytes: Uint8Array): void {
  for (const parse of [parseStep, parseAnswer, parseServiceNotes]) {
    try {
      const value = parse(bytes);
      if (parse === parseStep) parseStep(Buffer.from(formatStep(value as ReturnType<typeof parseStep>)));
    } catch (error) {
      if (!isAppError(error) && !(error instanceof DamagedState)) throw error;
    }
  }
}
