import type { BootNotes, GiveUpReason } from './boot-notes.ts';
import { count, DamagedState, fieldsOf, oneOf, optional, text } from './fields.ts';
import { slotNames } from './state.ts';

const reasons: readonly GiveUpReason[] = [
  'attempts-used-up',
  'image-not-verified',
  'not-started',
  'died-before-confirmation',
  'not-confirmed-in-time',
  'health-check-failed',
  'installer-failed',
];

/** Reads what `formatNotes` wrote. Throws `DamagedState`. */
export function parseNotes(value: unknown): BootNotes {
  const names = ['format', 'generation', 'attempts', 'givenUp', 'running'];
  const fields = fieldsOf(value, { what: 'the boot notes', names });
  if (fields.format !== 1) throw new DamagedState('the boot notes are not of format 1');
  return {
    generation: count(fields, 'generation'),
    attempts: count(fields, 'attempts'),
    givenUp: optional(fields.givenUp, parseGiveUp),
    running: optional(fields.running, parseRunning),
  };
}

export function formatNotes(notes: BootNotes): string {
  return `${JSON.stringify({ format: 1, ...notes }, undefined, 1)}\n`;
}

function parseGiveUp(value: unknown) {
  const fields = fieldsOf(value, { what: '`givenUp`', names: ['reason', 'explanation'] });
  return {
    reason: oneOf(fields, 'reason', reasons),
    explanation: text(fields, 'explanation', /^.{0,512}$/s),
  };
}

function parseRunning(value: unknown) {
  const fields = fieldsOf(value, { what: '`running`', names: ['slot', 'pid'] });
  return { slot: oneOf(fields, 'slot', slotNames), pid: count(fields, 'pid') };
}
