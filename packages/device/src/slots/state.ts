/** One of the two places an image can be in. */
export type SlotName = 'a' | 'b';
export const slotNames: readonly SlotName[] = ['a', 'b'];

/** What a slot should hold; whether it does is found out by its digest before every start. */
export interface SlotImage {
  readonly version: string;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly lengthBytes: number;
  readonly securityVersion: number;
  /** It was confirmed once, and may be fallen back to. */
  readonly isProven: boolean;
}

/** An image that failed on this device and is not tried again. */
export interface RejectedImage {
  readonly version: string;
  readonly sha256: string;
  readonly reason: string;
}

/**
 * `slots.json`: which slot is to run and which one is known to work. Written by the agent alone. The active slot is on
 * trial when it holds an image and is not the confirmed one.
 */
export interface SlotsState {
  /** Grows with every change of the active slot; ties the starter's notes to it. */
  readonly generation: number;
  readonly active: SlotName;
  /** Nothing before the first image was confirmed. */
  readonly confirmed: SlotName | undefined;
  readonly slots: Readonly<Record<SlotName, SlotImage | undefined>>;
  /** The highest security version confirmed; nothing below it is installed or started again. */
  readonly securityFloor: number;
  /** Newest last, at most `rejectedMax`. */
  readonly rejected: readonly RejectedImage[];
}

export const rejectedMax = 16;

export function otherSlot(slot: SlotName): SlotName {
  return slot === 'a' ? 'b' : 'a';
}

export function isOnTrial(state: SlotsState): boolean {
  return state.active !== state.confirmed && state.slots[state.active] !== undefined;
}

/** The version that is relied on; nothing before the first was confirmed. */
export function confirmedVersion({ confirmed, slots }: SlotsState): string | undefined {
  return confirmed && slots[confirmed]?.version;
}

/** A device without any image; its first one goes to slot a. */
export const emptySlots: SlotsState = {
  generation: 0,
  active: 'b',
  confirmed: undefined,
  slots: { a: undefined, b: undefined },
  securityFloor: 0,
  rejected: [],
};
