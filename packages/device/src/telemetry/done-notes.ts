import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Files, FileWriter } from '../files/files.ts';
import { replaceFile } from '../files/replace-file.ts';

/** A number and its CRC-32. */
const noteBytes = 12;
/** More of them than a segment has records are not written. */
const fileBytesMax = 64 * 1024 * 1024;

/** Everything below `base` is done, and so are `single` ones. */
export interface Done {
  readonly base: number;
  readonly single: ReadonlySet<number>;
}

/**
 * Which messages are done with, in one small file: first the number below which all are, then single ones as they come. Single notes are
 * written and not synced: they survive the process and not always the power, and what is forgotten is only sent again.
 */
export class DoneNotes {
  readonly #files: Files;
  readonly #path: string;
  #writer: FileWriter | undefined;

  constructor(files: Files, folder: string) {
    this.#files = files;
    this.#path = join(folder, 'done');
  }

  read(): Done {
    const bytes = this.#files.read(this.#path, fileBytesMax);
    const [base = 1, ...single] = bytes === undefined ? [] : parseNotes(bytes);
    return { base, single: new Set(single) };
  }

  /** Durable, in one step. */
  write({ base, single }: Done): void {
    this.#writer?.close();
    this.#writer = undefined;
    const bytes = Buffer.concat([base, ...single].map(encodeNote));
    replaceFile(this.#files, this.#path, bytes);
    this.#writer = this.#files.resume(this.#path, bytes.length);
  }

  /** Throws where the last `write` failed, as for any other failure of the disk. */
  add(seq: number): void {
    if (this.#writer === undefined) throw new Error('the notes are not open');
    this.#writer.write(encodeNote(seq));
  }

  close(): void {
    this.#writer?.sync();
    this.#writer?.close();
    this.#writer = undefined;
  }
}

/** The notes up to the first that is not whole. */
export function parseNotes(bytes: Uint8Array): readonly number[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notes: number[] = [];
  for (let at = 0; at + noteBytes <= file.length; at += noteBytes) {
    const seq = file.readBigUInt64BE(at);
    const isWhole = crc32(file.subarray(at, at + 8)) === file.readUInt32BE(at + 8);
    if (!isWhole || seq > Number.MAX_SAFE_INTEGER) break;
    notes.push(Number(seq));
  }
  return notes;
}

export function encodeNote(seq: number): Buffer {
  const note = Buffer.alloc(noteBytes);
  note.writeBigUInt64BE(BigInt(seq));
  note.writeUInt32BE(crc32(note.subarray(0, 8)), 8);
  return note;
}
