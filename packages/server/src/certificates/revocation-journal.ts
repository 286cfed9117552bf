import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson } from '@fleetward/core';
import { syncFolder } from '@fleetward/core/durable-file';
import { CertificatesError } from './errors.ts';
import { type JournalEntry, parseJournalLine } from './journal-entry.ts';

const bytesMax = 1024 * 1024 * 1024;
const waitingMax = 10_000;

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Revocations outside the database: one JSON line each, appended and synced before the revocation is committed, so that a database
 * restored from a backup cannot bring a revoked certificate back. Lines that wait together share one sync.
 */
export class RevocationJournal {
  readonly #file: FileHandle;
  #waiting: Waiting[] = [];
  #size: number;
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Opens or makes the file. Throws `certificates.journal_unreadable` when a line that was synced cannot be read. */
  static async open(
    path: string,
  ): Promise<{ readonly journal: RevocationJournal; readonly entries: readonly JournalEntry[] }> {
    const file = await open(path, 'a+', 0o600);
    try {
      syncFolder(dirname(path));
      const { text, size } = await readWhole(file, path);
      // A line without its end was never acknowledged: the crash that cut it off came before the sync.
      if (size.written > size.whole) await file.truncate(size.whole);
      // A whole one may not be on the disk yet, and the start records what it reads.
      await file.datasync();
      const entries = parseLines(text, path);
      return { journal: new RevocationJournal(file, size.whole), entries };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves once the entry is durable. Throws `certificates.journal_failed`; the entry is not in the file then. */
  append(entry: JournalEntry): Promise<void> {
    if (this.#waiting.length >= waitingMax)
      return Promise.reject(failed('too many revocations wait for the disk'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ line: `${canonicalJson(entry)}\n`, resolve, reject });
    this.#writing ??= this.#writeWaiting();
    return promise;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const outcome = await this.#write(batch.map(({ line }) => line).join(''));
      for (const { resolve, reject } of batch) outcome === undefined ? resolve() : reject(outcome);
    }
    this.#writing = undefined;
  }

  async #write(lines: string): Promise<CertificatesError | undefined> {
    try {
      await this.#file.appendFile(lines);
      await this.#file.datasync();
      this.#size += Buffer.byteLength(lines);
      return undefined;
    } catch (cause) {
      await this.#file.truncate(this.#size).catch(() => undefined);
      return failed('the revocation journal cannot be written', cause);
    }
  }
}

async function readWhole(file: FileHandle, path: string) {
  const { size } = await file.stat();
  if (size > bytesMax) throw unreadable(path, `it has ${size} bytes; at most ${bytesMax} are read`);
  const bytes = Buffer.alloc(size);
  for (let read = 0; read < size; ) {
    const { bytesRead } = await file.read(bytes, read, size - read, read);
    if (bytesRead === 0) throw unreadable(path, 'it became shorter while it was read');
    read += bytesRead;
  }
  const whole = bytes.lastIndexOf(0x0a) + 1;
  return { text: bytes.toString('utf8', 0, whole), size: { written: size, whole } };
}

function parseLines(text: string, path: string): readonly JournalEntry[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      try {
        return parseJournalLine(line);
      } catch (cause) {
        throw unreadable(path, `line ${index + 1} is damaged`, cause);
      }
    });
}

function unreadable(path: string, why: string, cause?: unknown): CertificatesError {
  const message = `the revocation journal \`${path}\` cannot be used: ${why}`;
  return new CertificatesError('certificates.journal_unreadable', message, { cause });
}

function failed(why: string, cause?: unknown): CertificatesError {
  return new CertificatesError('certificates.journal_failed', `${why}; nothing changed`, { cause });
}
