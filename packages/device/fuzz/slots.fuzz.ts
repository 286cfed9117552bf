import { parseJournal } from '../src/agent/partial-image.ts';
import { freshNotes } from '../src/slots/boot-notes.ts';
import { DamagedState } from '../src/slots/fields.ts';
import { formatNotes, parseNotes } from '../src/slots/parse-notes.ts';
import { formatSlots, parseSlots } from '../src/slots/parse-slots.ts';
import { emptySlots, type SlotsState } from '../src/slots/state.ts';
import { startRule } from '../src/starter/rules.ts';

const image = {
  version: '1.0.0',
  sha256: 'a'.repeat(64),
  lengthBytes: 8,
  securityVersion: 1,
  isProven: true,
};
const state: SlotsState = {
  generation: 2,
  active: 'b',
  confirmed: 'a',
  slots: { a: image, b: { ...image, version: '1.1.0', isProven: false } },
  securityFloor: 1,
  rejected: [{ version: '0.9.0', sha256: 'b'.repeat(64), reason: 'health-check-failed' }],
};
const notes = { ...freshNotes(2), attempts: 1, running: { slot: 'a' as const, pid: 7 } };

export const seeds: readonly Uint8Array[] = [
  formatSlots(emptySlots),
  formatSlots(state),
  formatNotes(notes),
  JSON.stringify({ format: 1, sha256: image.sha256, keptBytes: 7 }),
].map((text) => Buffer.from(text));

/** Damaged state files are refused as such; what is accepted the starter can decide on. */
export function fuzz(input: Uint8Array): void {
  try {
    const value: unknown = JSON.parse(Buffer.from(input).toString('utf8'));
    const isObject = typeof value === 'object' && value !== null;
    if (isObject && 'attempts' in value) parseNotes(value);
    else if (isObject && 'keptBytes' in value) parseJournal(value);
    else startRule(parseSlots(value), { notes, attemptsMax: 3 });
  } catch (error) {
    if (!(error instanceof DamagedState || error instanceof SyntaxError)) throw error;
  }
}
