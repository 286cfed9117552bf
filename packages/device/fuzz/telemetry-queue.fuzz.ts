import { encodeNote, parseNotes } from '../src/telemetry/done-notes.ts';
import { encodeRecord, parseSegment } from '../src/telemetry/segment.ts';

export const seeds: readonly Uint8Array[] = [
  encodeRecord('telemetry/lamp', Buffer.from('{"on":true}')),
  Buffer.concat([encodeRecord('t', Buffer.alloc(0)), encodeRecord('t', Buffer.alloc(30))]),
  Buffer.concat([encodeNote(1), encodeNote(7)]),
  Buffer.alloc(40),
];

/** Whatever the disk gives back: what is read accounts for each byte, and would be written the same. */
export function fuzz(bytes: Uint8Array): void {
  const { messages, damagedBytes } = parseSegment(bytes);
  const whole = messages.reduce((sum, { recordBytes }) => sum + recordBytes, 0);
  if (whole + damagedBytes !== bytes.length) throw new Error('bytes are not accounted for');
  for (const seq of parseNotes(bytes)) if (!Number.isSafeInteger(seq)) throw new Error(`no number: ${seq}`);
}
