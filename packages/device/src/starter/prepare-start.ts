import type { BootNotes, GiveUp } from '../slots/boot-notes.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { type SlotName, type SlotsState, slotNames } from '../slots/state.ts';
import { type Candidate, startRule } from './rules.ts';

/** Where a program is started from. The factory's image is in no slot: it came with the device. */
export type StartPlace = SlotName | 'factory';

/** What is to be started now, or why nothing can be. */
export type StartPlan =
  | {
      readonly kind: 'start';
      readonly generation: number;
      readonly slot: StartPlace;
      readonly imagePath: string;
      /** Nothing for the factory's image, whose bytes nobody has signed for. */
      readonly sha256: string | undefined;
      readonly version: string;
      readonly isTrial: boolean;
    }
  | { readonly kind: 'nothing'; readonly generation: number; readonly explanation: string };

/**
 * Decides what to start. The image has just been verified, and the attempt of a slot on trial is durably counted before
 * it is made: a power cut during it costs the attempt. Where that cannot be written, only proven images are started.
 */
export function prepareStart(
  folder: SlotFolder,
  { attemptsMax }: { readonly attemptsMax: number },
): StartPlan {
  const read = folder.readSlots();
  if (read.kind === 'damaged')
    return { kind: 'nothing', generation: -1, explanation: `\`slots.json\`: ${read.explanation}` };
  const { state } = read;
  let notes = folder.readNotes(state.generation);
  // Each round ends or gives the trial up, and there is one trial.
  for (let round = 0; round <= slotNames.length; round++) {
    const rule = startRule(state, { notes, attemptsMax });
    const step = rule.kind === 'give-up' ? rule : firstIntact(folder, { state, notes, ...rule });
    if (step.kind === 'start') return step;
    if (step.kind === 'none') break;
    notes = giveUp(folder, { notes, giveUp: step.giveUp });
  }
  const explanation = 'no slot holds an image that verifies';
  return { kind: 'nothing', generation: state.generation, explanation };
}

/** Starts what the device came with. It is part of the image of the device, like the starter itself. */
export function startFactory(generation: number, imagePath: string): StartPlan {
  const version = 'factory';
  return {
    kind: 'start',
    generation,
    slot: 'factory',
    imagePath,
    sha256: undefined,
    version,
    isTrial: false,
  };
}

/** Notes durably, where the disk allows it, that the trial of these notes' generation is over. */
export function giveUp(
  folder: SlotFolder,
  { notes, giveUp }: { readonly notes: BootNotes; readonly giveUp: GiveUp },
): BootNotes {
  const explanation = giveUp.explanation.slice(0, 512);
  const over: BootNotes = { ...notes, running: undefined, givenUp: { ...giveUp, explanation } };
  writeIfPossible(folder, over);
  return over;
}

/** Whether the notes are durable. A full or failing disk must not keep the starter from starting what works. */
export function writeIfPossible(folder: SlotFolder, notes: BootNotes): boolean {
  try {
    folder.writeNotes(notes);
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}

type Step =
  | Extract<StartPlan, { kind: 'start' }>
  | { readonly kind: 'give-up'; readonly giveUp: GiveUp }
  | { readonly kind: 'none' };

function firstIntact(
  folder: SlotFolder,
  options: {
    readonly state: SlotsState;
    readonly notes: BootNotes;
    readonly candidates: readonly Candidate[];
  },
): Step {
  const { state, notes, candidates } = options;
  for (const { slot, image, isTrial } of candidates) {
    if (!folder.isIntact(slot, image)) {
      if (!isTrial) continue;
      const explanation = `slot ${slot} does not hold the bytes of ${image.version}`;
      return { kind: 'give-up', giveUp: { reason: 'image-not-verified', explanation } };
    }
    const attempt = { ...notes, attempts: notes.attempts + 1, running: undefined };
    if (isTrial && !writeIfPossible(folder, attempt)) continue;
    const { version, sha256 } = image;
    const imagePath = folder.imagePath(slot);
    return { kind: 'start', generation: state.generation, slot, imagePath, sha256, version, isTrial };
  }
  return { kind: 'none' };
}
