import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { Random } from '@fleetward/core';
import type { Files, FileWriter } from '../src/files/files.ts';

/** The power went. */
export class PowerCut extends Error {}

/** What becomes, at the cut, of every change that was not yet made durable. */
export interface CutPattern {
  /** Of each renamed, created or removed entry, in turn: whether it is kept. */
  readonly keep: readonly boolean[];
  /** How much of a content that was not synced is there, from 0 to 1; the rest reads as zeros when `isZeroed`. */
  readonly tear: number;
  readonly isZeroed: boolean;
}

/** The plain ways to lose what was not durable, and one by chance. */
export function cutPatterns(random: Random): readonly CutPattern[] {
  return [
    { keep: [false], tear: 0, isZeroed: false },
    { keep: [true], tear: 0, isZeroed: false },
    { keep: [true], tear: 0.5, isZeroed: false },
    { keep: [true], tear: 0.5, isZeroed: true },
    { keep: [true, false], tear: 0.9, isZeroed: true },
    {
      keep: [...random.bytes(8)].map((byte) => byte % 2 === 0),
      tear: (random.bytes(1)[0] ?? 0) / 256,
      isZeroed: false,
    },
  ];
}

interface Disk {
  readonly contents: Map<number, Uint8Array>;
  readonly entries: Map<string, number>;
}

/** A disk in memory that forgets: contents last from `sync` on, entries from `syncFolder` on. Each change is one step. */
export class ForgetfulDisk implements Files {
  steps = 0;
  cutAfter = Number.POSITIVE_INFINITY;
  freeSpace = 1_000_000_000;
  /** Every write fails as on a full disk. */
  isFull = false;
  #durable: Disk = { contents: new Map(), entries: new Map() };
  #now: Disk = { contents: new Map(), entries: new Map() };
  #pending: { readonly path: string; readonly file: number | undefined }[] = [];
  #files = 0;

  read(path: string): Uint8Array | undefined {
    const file = this.#now.entries.get(path);
    return file === undefined ? undefined : this.#now.contents.get(file);
  }

  digest(path: string) {
    const bytes = this.read(path);
    if (bytes === undefined) return undefined;
    return { sha256: createHash('sha256').update(bytes).digest('hex'), lengthBytes: bytes.length };
  }

  create(path: string): FileWriter {
    this.#step();
    this.#assertRoom();
    const file = this.#files++; // truncating an entry that is there may lose either content
    this.#link(path, file);
    this.#now.contents.set(file, new Uint8Array());
    return this.#writer(file);
  }

  resume(path: string, atByte: number): FileWriter {
    this.#step();
    const file = this.#now.entries.get(path)!;
    this.#now.contents.set(file, this.#now.contents.get(file)!.subarray(0, atByte));
    return this.#writer(file);
  }

  *pieces(path: string, lengthBytes: number, startByte = 0): Generator<Uint8Array> {
    yield this.read(path)!.subarray(startByte, startByte + lengthBytes);
  }

  lengthBytes(path: string): number | undefined {
    return this.read(path)?.length;
  }

  #writer(file: number): FileWriter {
    return {
      write: (bytes) => {
        this.#step();
        this.#assertRoom();
        this.#now.contents.set(file, Buffer.concat([this.#now.contents.get(file)!, bytes]));
      },
      sync: () => {
        this.#step();
        this.#durable.contents.set(file, this.#now.contents.get(file)!);
      },
      syncLater: async () => {
        this.#step();
        this.#durable.contents.set(file, this.#now.contents.get(file)!);
      },
      close: () => undefined,
    };
  }

  rename(from: string, to: string): void {
    this.#step();
    this.#link(to, this.#now.entries.get(from));
    this.#link(from, undefined);
  }

  remove(path: string): void {
    this.#step();
    this.#link(path, undefined);
  }

  list(folder: string): readonly string[] {
    return [...this.#now.entries.keys()]
      .filter((path) => dirname(path) === folder)
      .map((path) => basename(path));
  }

  makeFolder(): void {
    // Folders are made at manufacture here.
  }

  lockFolder(): () => void {
    return () => undefined;
  }

  syncFolder(folder: string): void {
    this.#step();
    const settled = this.#pending.filter(({ path }) => dirname(path) === folder);
    for (const change of settled) this.#settle(change);
    this.#pending = this.#pending.filter((change) => !settled.includes(change));
  }

  freeBytes(): number {
    return this.freeSpace;
  }

  /** What the disk holds when the power is back. */
  powerBack({ keep, tear, isZeroed }: CutPattern): void {
    this.#pending.forEach((change, index) => {
      if (keep[index % keep.length]) this.#settle(change);
    });
    for (const [file, bytes] of this.#now.contents) {
      if (this.#durable.contents.get(file) === bytes) continue;
      // What was synced stays while a file only grows.
      const synced = this.#durable.contents.get(file)?.length ?? 0;
      const kept = Math.max(Math.min(synced, bytes.length), Math.floor(bytes.length * tear));
      const torn = isZeroed
        ? Buffer.concat([bytes.subarray(0, kept), Buffer.alloc(bytes.length - kept)])
        : bytes.subarray(0, kept);
      this.#durable.contents.set(file, torn);
    }
    this.#now = { contents: new Map(this.#durable.contents), entries: new Map(this.#durable.entries) };
    this.#pending = [];
    this.cutAfter = Number.POSITIVE_INFINITY;
    this.steps = 0;
  }

  /** Another disk with what is durable on this one. */
  copy(): ForgetfulDisk {
    const disk = new ForgetfulDisk();
    disk.#durable = { contents: new Map(this.#durable.contents), entries: new Map(this.#durable.entries) };
    disk.#files = this.#files;
    disk.powerBack({ keep: [false], tear: 0, isZeroed: false });
    return disk;
  }

  /** Flips a byte of a file, as a bad block or a stranger would. */
  damage(path: string): void {
    const file = this.#now.entries.get(path)!;
    const bytes = Buffer.from(this.#now.contents.get(file)!);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    this.#now.contents.set(file, bytes);
  }

  #assertRoom(): void {
    if (this.isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
  }

  #step(): void {
    if (this.steps >= this.cutAfter) throw new PowerCut();
    this.steps++;
  }

  #link(path: string, file: number | undefined): void {
    if (file === undefined) this.#now.entries.delete(path);
    else this.#now.entries.set(path, file);
    this.#pending.push({ path, file });
  }

  #settle({ path, file }: { readonly path: string; readonly file: number | undefined }): void {
    if (file === undefined) this.#durable.entries.delete(path);
    else this.#durable.entries.set(path, file);
  }
}
