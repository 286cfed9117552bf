import {
  isOnTrial,
  otherSlot,
  type RejectedImage,
  rejectedMax,
  type SlotImage,
  type SlotsState,
} from './state.ts';

/** What happens to the slots. `installed` means that the image's bytes are durable in `slotForInstall`. */
export type SlotEvent =
  | { readonly kind: 'installed'; readonly image: Omit<SlotImage, 'isProven'> }
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'failed'; readonly reason: string };

export type SlotTransition =
  | { readonly kind: 'next'; readonly state: SlotsState }
  | { readonly kind: 'illegal'; readonly explanation: string };

/** Where a new image goes: never where the confirmed one is. */
export function slotForInstall(state: SlotsState) {
  return otherSlot(state.confirmed ?? state.active);
}

/** The whole decision table of the two slots. */
export function nextSlots(state: SlotsState, event: SlotEvent): SlotTransition {
  switch (event.kind) {
    case 'installed':
      if (isOnTrial(state)) return illegal('another image is still on trial');
      if (event.image.securityVersion < state.securityFloor)
        return illegal(
          `security version ${event.image.securityVersion} is below the floor ${state.securityFloor}`,
        );
      if (isRejected(state, event.image.sha256)) return illegal('this image failed on this device before');
      return next(switchTo(state, event.image));
    case 'confirmed':
      return isOnTrial(state) ? next(confirm(state)) : illegal('no image is on trial');
    case 'failed':
      return isOnTrial(state) ? next(fallBack(state, event.reason)) : illegal('no image is on trial');
  }
}

export function isRejected(state: Pick<SlotsState, 'rejected'>, sha256: string): boolean {
  return state.rejected.some((image) => image.sha256 === sha256);
}

function switchTo(state: SlotsState, image: Omit<SlotImage, 'isProven'>): SlotsState {
  const slot = slotForInstall(state);
  const slots = { ...state.slots, [slot]: { ...image, isProven: false } };
  return { ...state, generation: state.generation + 1, active: slot, slots };
}

function confirm(state: SlotsState): SlotsState {
  const { active } = state;
  const image = state.slots[active]!; // on trial: there is one
  const slots = { ...state.slots, [active]: { ...image, isProven: true } };
  const securityFloor = Math.max(state.securityFloor, image.securityVersion);
  return { ...state, confirmed: active, slots, securityFloor };
}

function fallBack(state: SlotsState, reason: string): SlotsState {
  const { active, confirmed } = state;
  const { version, sha256 } = state.slots[active]!; // on trial: there is one
  const rejected: readonly RejectedImage[] = [...state.rejected, { version, sha256, reason }];
  return {
    ...state,
    generation: state.generation + 1,
    active: confirmed ?? active,
    slots: { ...state.slots, [active]: undefined },
    rejected: rejected.slice(-rejectedMax),
  };
}

function next(state: SlotsState): SlotTransition {
  return { kind: 'next', state };
}

function illegal(explanation: string): SlotTransition {
  return { kind: 'illegal', explanation };
}
