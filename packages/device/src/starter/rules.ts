import type { BootNotes, GiveUp } from '../slots/boot-notes.ts';
import { isOnTrial, otherSlot, type SlotImage, type SlotName, type SlotsState } from '../slots/state.ts';

/** A slot to start, once its image is found intact. */
export interface Candidate {
  readonly slot: SlotName;
  readonly image: SlotImage;
  readonly isTrial: boolean;
}

export type StartRule =
  | { readonly kind: 'try'; readonly candidates: readonly Candidate[] }
  /** The trial is over: note it, then ask again. */
  | { readonly kind: 'give-up'; readonly giveUp: GiveUp };

/**
 * Which slots may be started, best first: the one on trial while it has attempts left, then the confirmed one, then one
 * that was confirmed before and is not below the security floor.
 */
export function startRule(state: SlotsState, { notes, attemptsMax }: Attempts): StartRule {
  const isTried = isOnTrial(state) && notes.givenUp === undefined;
  if (isTried && notes.attempts >= attemptsMax) {
    const explanation = `started ${notes.attempts} times without being confirmed`;
    return { kind: 'give-up', giveUp: { reason: 'attempts-used-up', explanation } };
  }
  const trial = isTried ? [candidate(state, { slot: state.active, isTrial: true })] : [];
  const { confirmed } = state;
  const proven = confirmed === undefined ? [] : [confirmed, otherSlot(confirmed)];
  const fallbacks = proven.map((slot) => candidate(state, { slot, isTrial: false }));
  return { kind: 'try', candidates: [...trial, ...fallbacks].filter((found) => found !== undefined) };
}

interface Attempts {
  readonly notes: BootNotes;
  readonly attemptsMax: number;
}

function candidate(
  state: SlotsState,
  { slot, isTrial }: { readonly slot: SlotName; readonly isTrial: boolean },
): Candidate | undefined {
  const image = state.slots[slot];
  if (image === undefined || image.securityVersion < state.securityFloor) return undefined;
  return isTrial || image.isProven ? { slot, image, isTrial } : undefined;
}
