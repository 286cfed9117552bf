import { join } from 'node:path';
import { assertTopicName } from '@fleetward/mqtt/codec';
import { DeviceError } from '../errors.ts';
import type { Files, FileWriter } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { DoneNotes } from './done-notes.ts';
import { encodeRecord, parseSegment, type StoredMessage } from './segment.ts';

export interface TelemetryQueueOptions {
  /** For this queue alone: it is locked until `close` or the end of the process (on Linux). */
  readonly folder: string;
  /** Default 10,000. */
  readonly messagesMax?: number;
  /** On the disk, without what is done with and not yet removed, 128 KiB for each that is under way; default 16 MiB. */
  readonly bytesMax?: number;
  /** A larger message is refused; default 128 KiB. */
  readonly messageBytesMax?: number;
  /** What gives way when it is full: the oldest that is not under way, or the newcomer. Default `drop-oldest`. */
  readonly whenFull?: 'drop-oldest' | 'refuse-new';
  readonly files?: Files;
}

/** Since it was opened, but for `messages` and `bytes`, which are what waits now. */
export interface TelemetryCounts {
  readonly messages: number;
  readonly bytes: number;
  /** Given way to newer ones. */
  readonly dropped: number;
  /** Not taken, because it was full. */
  readonly refused: number;
  /** Of the disk, that were no whole records when it was opened, or could not be read: a power cut, a bad disk, a smaller `bytesMax`. */
  readonly damagedBytes: number;
  /** Messages that the disk gave when it was opened and not any more. */
  readonly unreadable: number;
  /** Notes of what is done with that the disk did not take: that may be sent again after a restart. */
  readonly unnoted: number;
}

export interface QueuedMessage {
  readonly seq: number;
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** A file of records with consecutive numbers. */
interface Segment {
  readonly path: string;
  readonly firstSeq: number;
  count: number;
  /** Those not done with. */
  left: number;
  bytes: number;
  /** In memory only while it is written to or read from. */
  messages: StoredMessage[] | undefined;
}

interface Newcomer {
  readonly message: StoredMessage;
  readonly record: Buffer;
  readonly outcome: PromiseWithResolvers<void>;
}

/** And an eighth of the queue at most, so that what is done with gives its room back in time. */
const segmentBytesMax = 128 * 1024;
const segmentName = /^[0-9]{16}\.segment$/;

/**
 * Messages on the disk, first in, first out. `enqueue` resolves when its message survives a kill and a power cut; those of one turn, and
 * those that come while the disk is busy, share one sync. What is taken stays until it is `done`, so it is sent at least once, and once
 * unless a crash comes between the platform's acknowledgement and the note of it.
 */
export class TelemetryQueue {
  readonly #options: Required<TelemetryQueueOptions>;
  readonly #notes: DoneNotes;
  readonly #segmentBytesMax: number;
  readonly #listeners = new Set<() => void>();
  #segments: Segment[] = [];
  /** Of messages in segments that are there. */
  readonly #done: Set<number>;
  readonly #taken = new Map<number, StoredMessage>();
  #newcomers: Newcomer[] = [];
  #flushing: Promise<void> | undefined;
  #writer: FileWriter | undefined;
  /** The next to be taken is this or a later one. */
  #cursor: number;
  #nextSeq: number;
  #messages = 0;
  #bytes = 0;
  #dropped = 0;
  #refused = 0;
  #damagedBytes = 0;
  #unreadable = 0;
  #unnoted = 0;
  #isClosed = false;
  readonly #unlock: () => void;

  /** Throws `device.folder_in_use` where another queue, of this process or another, has the folder. */
  constructor(options: TelemetryQueueOptions) {
    const { messagesMax = 10_000, bytesMax = 16 * 1024 * 1024, messageBytesMax = 128 * 1024 } = options;
    const { whenFull = 'drop-oldest', files = nodeFiles, folder } = options;
    this.#options = { folder, messagesMax, bytesMax, messageBytesMax, whenFull, files };
    this.#segmentBytesMax = Math.min(segmentBytesMax, Math.ceil(bytesMax / 8));
    files.makeFolder(folder);
    this.#unlock = files.lockFolder(folder);
    try {
      this.#notes = new DoneNotes(files, folder);
      const { base, single } = this.#notes.read();
      this.#done = new Set(single);
      this.#cursor = base;
      this.#nextSeq = base;
      for (const seq of single) this.#nextSeq = Math.max(this.#nextSeq, seq + 1);
      for (const name of [...files.list(folder)].sort()) if (segmentName.test(name)) this.#load(name, base);
    } catch (error) {
      this.#unlock();
      throw error;
    }
    this.#forget();
    this.#note(() => this.#notes.write({ base: this.#baseOf(this.#segments), single: this.#done }));
  }

  get counts(): TelemetryCounts {
    return {
      messages: this.#messages,
      bytes: this.#bytes,
      dropped: this.#dropped,
      refused: this.#refused,
      damagedBytes: this.#damagedBytes,
      unreadable: this.#unreadable,
      unnoted: this.#unnoted,
    };
  }

  /**
   * Resolves when it is durable. Rejects with `device.queue_full`, `device.message_too_large`, or `device.queue_failed` where the disk
   * does not take it; one that was rejected so may still be sent.
   */
  async enqueue(topic: string, payload: Uint8Array | string): Promise<void> {
    if (this.#isClosed) throw new DeviceError('device.closed', 'the queue is closed');
    assertTopicName(topic);
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const record = encodeRecord(topic, bytes);
    this.#assertSize(record.length);
    this.#makeRoom(record.length);
    const message = { topic, payload: bytes, recordBytes: record.length };
    const outcome = Promise.withResolvers<void>();
    this.#newcomers.push({ message, record, outcome });
    this.#count(message, 1);
    this.#flushing ??= this.#flush();
    await outcome.promise;
  }

  /** The oldest that is durable and not taken yet; it stays until `done`. */
  take(): QueuedMessage | undefined {
    const next = this.#advance();
    if (next === undefined) return undefined;
    this.#taken.set(next.seq, next.message);
    return { seq: next.seq, topic: next.message.topic, payload: next.message.payload };
  }

  /** Of one that was taken. */
  done(seq: number): void {
    const message = this.#taken.get(seq);
    if (message === undefined) return;
    this.#taken.delete(seq);
    this.#remove(seq, message);
  }

  /** Told when there may be something to take; the answer takes the listener away. */
  observe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends what is being written, and makes durable what is done with. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#flushing;
    this.#writer?.close();
    this.#notes.close();
    this.#unlock();
  }

  #assertSize(recordBytes: number): void {
    const { messageBytesMax, bytesMax } = this.#options;
    const max = Math.min(messageBytesMax, bytesMax);
    if (recordBytes <= max) return;
    throw new DeviceError(
      'device.message_too_large',
      `a message of ${recordBytes} bytes; at most ${max} are kept`,
    );
  }

  #makeRoom(recordBytes: number): void {
    const { messagesMax, bytesMax, whenFull } = this.#options;
    while (this.#messages + 1 > messagesMax || this.#bytes + recordBytes > bytesMax) {
      const oldest = whenFull === 'drop-oldest' ? this.#advance() : undefined;
      if (oldest === undefined) {
        this.#refused++;
        throw new DeviceError('device.queue_full', `${this.#messages} messages of ${this.#bytes} bytes wait`);
      }
      this.#dropped++;
      this.#remove(oldest.seq, oldest.message);
    }
  }

  /** The next message behind the cursor, which moves over it. */
  #advance(): { readonly seq: number; readonly message: StoredMessage } | undefined {
    for (const segment of this.#segments) {
      if (this.#cursor < segment.firstSeq) this.#cursor = segment.firstSeq;
      while (this.#cursor < segment.firstSeq + segment.count) {
        const seq = this.#cursor++;
        if (this.#done.has(seq)) continue;
        const message = this.#messagesOf(segment)[seq - segment.firstSeq];
        if (message !== undefined) return { seq, message };
        this.#lost(segment); // the disk gave it once and does not any more
      }
      if (segment !== this.#active) segment.messages = undefined; // all of it is taken
    }
    return undefined;
  }

  #lost(segment: Segment): void {
    segment.left--;
    this.#messages--;
    this.#unreadable++;
    if (this.#messages === 0) this.#bytes = 0;
  }

  #messagesOf(segment: Segment): readonly StoredMessage[] {
    segment.messages ??= this.#parsed(segment.path)?.messages ?? [];
    return segment.messages;
  }

  /** Undefined: the file itself is bad. */
  #parsed(path: string): ReturnType<typeof parseSegment> | undefined {
    try {
      return this.#parse(path);
    } catch (error) {
      if (isShort(error)) throw error;
      return undefined;
    }
  }

  #parse(path: string): ReturnType<typeof parseSegment> {
    const { files, bytesMax } = this.#options;
    return parseSegment(files.read(path, bytesMax + segmentBytesMax) ?? new Uint8Array());
  }

  #remove(seq: number, message: StoredMessage): void {
    this.#count(message, -1);
    this.#done.add(seq);
    const segment = this.#segments.findLast(({ firstSeq }) => firstSeq <= seq)!; // it was read from there
    segment.left--;
    this.#note(() => this.#notes.add(seq));
    if (segment.left === 0) this.#forget();
  }

  /** Removes the segments with nothing left in them, after a durable note that they are done with. */
  #forget(): void {
    const isGone = (segment: Segment) => segment.left === 0 && segment !== this.#active;
    const gone = this.#segments.filter(isGone);
    if (gone.length === 0) return;
    const left = this.#segments.filter((segment) => !isGone(segment));
    const { files, folder } = this.#options;
    // What a full disk does not let go of now stays in the list, for the next time.
    this.#note(() => {
      this.#notes.write({ base: this.#baseOf(left), single: this.#done });
      for (const { path } of gone) files.remove(path);
      files.syncFolder(folder);
      for (const { firstSeq, count } of gone)
        for (let seq = firstSeq; seq < firstSeq + count; seq++) this.#done.delete(seq);
      this.#segments = left;
    });
  }

  /** Nothing below it is there. */
  #baseOf([first]: readonly Segment[]): number {
    return first?.firstSeq ?? this.#nextSeq;
  }

  /** What the disk does not take of the notes costs a repetition, not a message. */
  #note(write: () => void): void {
    try {
      write();
    } catch {
      this.#unnoted++;
    }
  }

  #load(name: string, base: number): void {
    const path = join(this.#options.folder, name);
    const firstSeq = Number(name.slice(0, 16));
    const parsed = this.#parsed(path);
    if (parsed === undefined) {
      // It stays where it is, and nothing new gets a number that may be in it.
      this.#damagedBytes += this.#options.files.lengthBytes(path) ?? 0;
      this.#nextSeq = Math.max(this.#nextSeq, firstSeq + segmentBytesMax);
      return;
    }
    const { messages, damagedBytes } = parsed;
    this.#damagedBytes += damagedBytes;
    const isLeft = (_: unknown, at: number) => firstSeq + at >= base && !this.#done.has(firstSeq + at);
    const left = messages.filter(isLeft);
    const bytes = messages.reduce((sum, { recordBytes }) => sum + recordBytes, 0);
    for (const message of left) this.#count(message, 1);
    this.#segments.push({
      path,
      firstSeq,
      count: messages.length,
      left: left.length,
      bytes,
      messages: undefined,
    });
    this.#nextSeq = Math.max(this.#nextSeq, firstSeq + messages.length);
  }

  /** The segment that is written to: none after an open or a failure, so that nothing is ever written behind a torn record. */
  get #active(): Segment | undefined {
    return this.#writer === undefined ? undefined : this.#segments.at(-1);
  }

  async #flush(): Promise<void> {
    await Promise.resolve(); // what is enqueued in this turn goes together
    while (this.#newcomers.length > 0) await this.#writeBatch(this.#nextBatch());
    this.#flushing = undefined;
  }

  #nextBatch(): readonly Newcomer[] {
    let [count, bytes] = [0, 0];
    for (const { record } of this.#newcomers) {
      bytes += record.length;
      if (count > 0 && bytes > this.#segmentBytesMax) break;
      count++;
    }
    return this.#newcomers.splice(0, count);
  }

  async #writeBatch(batch: readonly Newcomer[]): Promise<void> {
    try {
      const bytes = Buffer.concat(batch.map(({ record }) => record));
      const segment = this.#segmentFor(bytes.length);
      this.#nextSeq += batch.length; // also if they fail now: a part of them may be on the disk
      this.#writer?.write(bytes);
      await this.#writer?.syncLater();
      segment.messages?.push(...batch.map(({ message }) => message));
      segment.count += batch.length;
      segment.left += batch.length;
      segment.bytes += bytes.length;
      for (const { outcome } of batch) outcome.resolve();
      for (const listener of this.#listeners) listener();
    } catch (cause) {
      this.#seal();
      const failed = new DeviceError('device.queue_failed', `the disk does not take a message: ${cause}`, {
        cause,
      });
      for (const { message, outcome } of batch) {
        this.#count(message, -1);
        outcome.reject(failed);
      }
    }
  }

  #segmentFor(bytes: number): Segment {
    const active = this.#active;
    if (active !== undefined && active.bytes + bytes <= this.#segmentBytesMax) return active;
    this.#seal();
    const { files, folder } = this.#options;
    const firstSeq = this.#nextSeq;
    const path = join(folder, `${String(firstSeq).padStart(16, '0')}.segment`);
    this.#writer = files.create(path);
    const segment: Segment = { path, firstSeq, count: 0, left: 0, bytes: 0, messages: [] };
    // An empty one of this name may be left of a failure.
    this.#segments = [...this.#segments.filter((other) => other.path !== path), segment];
    files.syncFolder(folder);
    return segment;
  }

  /** Nothing more is written to the active segment. */
  #seal(): void {
    const sealed = this.#active;
    this.#writer?.close();
    this.#writer = undefined;
    if (sealed === undefined) return;
    if (this.#cursor < sealed.firstSeq) sealed.messages = undefined; // it is read again when its turn comes
    this.#forget();
  }

  #count({ recordBytes }: StoredMessage, by: 1 | -1): void {
    this.#messages += by;
    this.#bytes += by * recordBytes;
  }
}

/** It says nothing of the file: the process or the machine has no more of something. */
function isShort(error: unknown): boolean {
  return error instanceof Error && 'code' in error && shortCodes.has(error.code);
}

const shortCodes: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);
