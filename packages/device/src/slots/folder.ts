import { join } from 'node:path';
import type { Files } from '../files/files.ts';
import { replaceFile } from '../files/replace-file.ts';
import { type BootNotes, freshNotes } from './boot-notes.ts';
import { DamagedState } from './fields.ts';
import { formatNotes, parseNotes } from './parse-notes.ts';
import { formatSlots, parseSlots } from './parse-slots.ts';
import { emptySlots, type SlotImage, type SlotName, type SlotsState, slotNames } from './state.ts';

const stateBytesMax = 64 * 1024;

export type ReadSlots =
  | { readonly kind: 'ok'; readonly state: SlotsState }
  | { readonly kind: 'damaged'; readonly explanation: string };

/** The folder with both slots and what is known of them: `a/image`, `b/image`, `slots.json`, `boot.json`. */
export interface SlotFolder {
  readonly path: string;
  imagePath(slot: SlotName): string;
  /** A folder without `slots.json` has no image yet. */
  readSlots(): ReadSlots;
  /** The switch: one rename, with file and folder synced. */
  writeSlots(state: SlotsState): void;
  /** Fresh ones where there are none for this generation, or damaged ones. */
  readNotes(generation: number): BootNotes;
  writeNotes(notes: BootNotes): void;
  /** Whether a slot holds exactly the bytes it should, by length and SHA-256. */
  isIntact(slot: SlotName, image: SlotImage): boolean;
}

/** Opens the folder over any file layer, and creates what is missing of it. */
export function openSlotFolder(files: Files, path: string): SlotFolder {
  const slotsPath = join(path, 'slots.json');
  const notesPath = join(path, 'boot.json');
  const imagePath = (slot: SlotName) => join(path, slot, 'image');
  for (const slot of slotNames) files.makeFolder(join(path, slot));
  return {
    path,
    imagePath,
    readSlots: () =>
      reading<ReadSlots>(
        () => ({ kind: 'ok', state: parseOr(files.read(slotsPath, stateBytesMax), parseSlots, emptySlots) }),
        (explanation) => ({ kind: 'damaged', explanation }),
      ),
    writeSlots: (state) => replaceFile(files, slotsPath, Buffer.from(formatSlots(state))),
    readNotes: (generation) =>
      reading<BootNotes>(
        () =>
          sameGeneration(parseOr(files.read(notesPath, stateBytesMax), parseNotes, undefined), generation),
        () => freshNotes(generation),
      ),
    writeNotes: (notes) => replaceFile(files, notesPath, Buffer.from(formatNotes(notes))),
    isIntact: (slot, { sha256, lengthBytes }) => {
      const found = files.digest(imagePath(slot));
      return found?.sha256 === sha256 && found.lengthBytes === lengthBytes;
    },
  };
}

function sameGeneration(notes: BootNotes | undefined, generation: number): BootNotes {
  return notes?.generation === generation ? notes : freshNotes(generation);
}

function parseOr<Value, Missing>(
  bytes: Uint8Array | undefined,
  parse: (value: unknown) => Value,
  missing: Missing,
): Value | Missing {
  return bytes === undefined ? missing : parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/** A file that is too long, no JSON or not of its form is damaged; anything else that goes wrong is a failure. */
function reading<Result>(read: () => Result, damaged: (explanation: string) => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedState || error instanceof SyntaxError || error instanceof RangeError)
      return damaged(error.message.slice(0, 256));
    throw error;
  }
}
