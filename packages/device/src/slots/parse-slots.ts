import { count, DamagedState, type Fields, fieldsOf, flag, oneOf, optional, text } from './fields.ts';
import {
  isOnTrial,
  type RejectedImage,
  rejectedMax,
  type SlotImage,
  type SlotsState,
  slotNames,
} from './state.ts';

const versionPattern = /^[a-zA-Z0-9._+:-]{1,128}$/;
const sha256Pattern = /^[0-9a-f]{64}$/;
const stateNames = ['format', 'generation', 'active', 'confirmed', 'slots', 'securityFloor', 'rejected'];

/** Reads what `formatSlots` wrote. Throws `DamagedState`. */
export function parseSlots(value: unknown): SlotsState {
  const fields = fieldsOf(value, { what: 'the slots', names: stateNames });
  if (fields.format !== 1) throw new DamagedState('the slots are not of format 1');
  const slots = fieldsOf(fields.slots, { what: '`slots`', names: slotNames });
  const state: SlotsState = {
    generation: count(fields, 'generation'),
    active: oneOf(fields, 'active', slotNames),
    confirmed: optional(fields.confirmed, () => oneOf(fields, 'confirmed', slotNames)),
    slots: { a: optional(slots.a, parseImage), b: optional(slots.b, parseImage) },
    securityFloor: count(fields, 'securityFloor'),
    rejected: parseRejected(fields),
  };
  assertConsistent(state);
  return state;
}

export function formatSlots(state: SlotsState): string {
  return `${JSON.stringify({ format: 1, ...state }, undefined, 1)}\n`;
}

function parseImage(value: unknown): SlotImage {
  const names = ['version', 'sha256', 'lengthBytes', 'securityVersion', 'isProven'];
  const fields = fieldsOf(value, { what: 'a slot', names });
  return {
    version: text(fields, 'version', versionPattern),
    sha256: text(fields, 'sha256', sha256Pattern),
    lengthBytes: count(fields, 'lengthBytes'),
    securityVersion: count(fields, 'securityVersion'),
    isProven: flag(fields, 'isProven'),
  };
}

function parseRejected(fields: Fields): readonly RejectedImage[] {
  const list = fields.rejected;
  if (!Array.isArray(list) || list.length > rejectedMax)
    throw new DamagedState(`\`rejected\` is not a list of at most ${rejectedMax}`);
  return list.map((item) => {
    const image = fieldsOf(item, { what: 'a rejected image', names: ['version', 'sha256', 'reason'] });
    return {
      version: text(image, 'version', versionPattern),
      sha256: text(image, 'sha256', sha256Pattern),
      reason: text(image, 'reason', /^[a-z-]{1,64}$/),
    };
  });
}

function assertConsistent(state: SlotsState): void {
  const { confirmed, active } = state;
  if (confirmed !== undefined && state.slots[confirmed]?.isProven !== true)
    throw new DamagedState(`the confirmed slot \`${confirmed}\` holds no proven image`);
  if (isOnTrial(state) && state.slots[active]?.isProven === true)
    throw new DamagedState(`the slot \`${active}\` is on trial though it was proven`);
}
