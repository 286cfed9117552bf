import { dirname, join } from 'node:path';
import type { KeptPart, Target } from '@fleetward/updates';
import type { Files, FileWriter } from '../files/files.ts';
import { replaceFile } from '../files/replace-file.ts';
import { count, DamagedState, fieldsOf, text } from '../slots/fields.ts';

/** `image.partial.json`: of which target the staged bytes are, and how many of them are durable. */
interface Journal {
  readonly sha256: string;
  readonly keptBytes: number;
}

const journalBytesMax = 4096;

/**
 * A download on its way to a slot, which goes on where the last one for the same target stopped. What the journal counts
 * was synced before it was counted, so a power cut costs at most `checkpointBytes`.
 */
export interface PartialImage {
  /** What is there already; nothing for a first attempt. */
  readonly kept: KeptPart | undefined;
  write(chunk: Uint8Array): void;
  /** All of it was written: makes it durable, and ends the journal. */
  finish(): void;
  /** Keeps what came for the next attempt. */
  suspend(): void;
  /** It is no good: the next attempt begins anew. */
  forget(): void;
}

export function openPartialImage(
  files: Files,
  options: { readonly staging: string; readonly target: Target; readonly checkpointBytes: number },
): PartialImage {
  const { staging, target, checkpointBytes } = options;
  const journalPath = join(dirname(staging), 'image.partial.json');
  const startBytes = keptBytesOf(files, { staging, journalPath, target });
  let writer: FileWriter | undefined;
  let writtenBytes = startBytes;
  let syncedBytes = startBytes;

  function open(): FileWriter {
    writer ??= startBytes > 0 ? files.resume(staging, startBytes) : begin();
    return writer;
  }

  /** A journal of another download must be gone before its bytes are. */
  function begin(): FileWriter {
    removeJournal();
    return files.create(staging);
  }

  function removeJournal(): void {
    if (files.lengthBytes(journalPath) === undefined) return;
    files.remove(journalPath);
    files.syncFolder(dirname(journalPath));
  }

  function checkpoint(): void {
    if (writtenBytes === syncedBytes) return;
    open().sync();
    files.syncFolder(dirname(staging));
    syncedBytes = writtenBytes;
    const journal = { format: 1, sha256: target.sha256, keptBytes: syncedBytes };
    replaceFile(files, journalPath, Buffer.from(JSON.stringify(journal)));
  }

  function close(): void {
    writer?.close();
    writer = undefined;
  }

  return {
    kept:
      startBytes === 0
        ? undefined
        : {
            lengthBytes: startBytes,
            read: () => files.pieces(staging, startBytes),
            discard() {
              close();
              writer = begin();
              writtenBytes = 0;
              syncedBytes = 0;
            },
          },
    write(chunk) {
      open().write(chunk);
      writtenBytes += chunk.length;
      if (writtenBytes - syncedBytes >= checkpointBytes) checkpoint();
    },
    finish() {
      open().sync();
      close();
      removeJournal();
    },
    suspend() {
      checkpoint();
      close();
    },
    forget() {
      close();
      removeJournal();
      files.remove(staging);
    },
  };
}

/** Only what the journal vouches for, and only for the very same target. */
function keptBytesOf(
  files: Files,
  { staging, journalPath, target }: { staging: string; journalPath: string; target: Target },
): number {
  const journal = readJournal(files, journalPath);
  if (journal?.sha256 !== target.sha256 || journal.keptBytes >= target.length) return 0;
  return (files.lengthBytes(staging) ?? 0) >= journal.keptBytes ? journal.keptBytes : 0;
}

function readJournal(files: Files, path: string): Journal | undefined {
  try {
    const bytes = files.read(path, journalBytesMax);
    return bytes && parseJournal(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    if (error instanceof DamagedState || error instanceof SyntaxError || error instanceof RangeError)
      return undefined; // then the download begins anew
    throw error;
  }
}

/** Throws `DamagedState`. */
export function parseJournal(value: unknown): Journal {
  const fields = fieldsOf(value, { what: 'the journal', names: ['format', 'sha256', 'keptBytes'] });
  if (fields.format !== 1) throw new DamagedState('the journal is not of format 1');
  return { sha256: text(fields, 'sha256', /^[0-9a-f]{64}$/), keptBytes: count(fields, 'keptBytes') };
}
