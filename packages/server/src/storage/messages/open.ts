import { join } from 'node:path';
import type { CommitOutcome, MessageStore, StoreChange, StoredState } from '@fleetward/mqtt';
import { StoreError } from '../../store-error.ts';
import { createPrivateFile } from '../sqlite/private-file.ts';
import { writeChange } from './change-codec.ts';
import { MessageThread } from './message-thread.ts';
import { PackedWriter } from './packed-bytes.ts';
import type { MessageFileFigures, MessageThreadSetup } from './requests.ts';
import { StateBuilder } from './state-builder.ts';

export interface MessageFileConfig extends Partial<Omit<MessageThreadSetup, 'path'>> {
  /** Holds `messages.db`. Made with mode 0700 when it is missing; who opens it has the folder's lock. */
  readonly folder: string;
}

/** Since the start, but for the first two. */
export interface MessageFigures extends MessageFileFigures {
  readonly commits: number;
  readonly changes: number;
  /** Of the packed changes. */
  readonly committedBytes: number;
  readonly commitSeconds: number;
  readonly commitSecondsMax: number;
}

/** Sessions and messages in `messages.db`. */
export interface MessageFile extends MessageStore {
  /** Resolves when it is not known any more what the file holds, or nothing can be written: only a new start can tell. */
  readonly lost: Promise<StoreError>;
  figures(): MessageFigures;
}

const defaults = { busyTimeoutMs: 5000, checkpointBytes: 16 * 1024 * 1024, synchronous: 'FULL' } as const;
const keptBufferBytesMax = 4 * 1024 * 1024;

/** Opens the file and makes it where it is missing. Throws a `StoreError` that names the file and says what to do. */
export async function openMessages({ folder, ...config }: MessageFileConfig): Promise<MessageFile> {
  const path = join(folder, 'messages.db');
  createPrivateFile(folder, path); // SQLite gives its log and index files the same mode.
  return new SqliteMessageFile(await MessageThread.open({ ...defaults, ...config, path }));
}

class SqliteMessageFile implements MessageFile {
  readonly #thread: MessageThread;
  readonly #lost = Promise.withResolvers<StoreError>();
  readonly #figures = {
    messages: 0,
    fileBytes: 0,
    commits: 0,
    changes: 0,
    committedBytes: 0,
    commitSeconds: 0,
    commitSecondsMax: 0,
  };
  #spare: ArrayBuffer | undefined;

  constructor(thread: MessageThread) {
    this.#thread = thread;
    void thread.lost.then((error) => this.#lost.resolve(error));
  }

  get lost(): Promise<StoreError> {
    return this.#lost.promise;
  }

  figures(): MessageFigures {
    return { ...this.#figures };
  }

  async load(): Promise<StoredState> {
    const state = new StateBuilder();
    for (;;) {
      const reply = await this.#thread.ask({ kind: 'load' });
      if (reply.kind === 'page') state.addPage(new Uint8Array(reply.buffer, 0, reply.length));
      else if (reply.kind === 'loaded') {
        Object.assign(this.#figures, reply.figures);
        return state.finish(reply);
      }
    }
  }

  async commit(changes: readonly StoreChange[]): Promise<CommitOutcome> {
    const packed = this.#pack(changes);
    const startedMs = performance.now();
    const { length } = packed;
    try {
      const reply = await this.#thread.ask({ kind: 'commit', buffer: packed.buffer, length });
      if (reply.kind === 'full') return 'full';
      if (reply.kind !== 'committed') throw new TypeError(`a commit was answered with \`${reply.kind}\``);
      if (reply.buffer.byteLength <= keptBufferBytesMax) this.#spare = reply.buffer;
      const seconds = (performance.now() - startedMs) / 1000;
      this.#count({ figures: reply.figures, changes: changes.length, bytes: length, seconds });
      return 'durable';
    } catch (error) {
      if (error instanceof StoreError) this.#lost.resolve(error);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #pack(changes: readonly StoreChange[]): PackedWriter {
    const writer = new PackedWriter(this.#spare);
    this.#spare = undefined;
    for (const change of changes) writeChange(writer, change);
    return writer;
  }

  #count(commit: { figures: MessageFileFigures; changes: number; bytes: number; seconds: number }): void {
    const figures = this.#figures;
    Object.assign(figures, commit.figures);
    figures.commits++;
    figures.changes += commit.changes;
    figures.committedBytes += commit.bytes;
    figures.commitSeconds += commit.seconds;
    figures.commitSecondsMax = Math.max(figures.commitSecondsMax, commit.seconds);
  }
}
