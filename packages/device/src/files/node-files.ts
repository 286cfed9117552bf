import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { createFolderDurably, syncFolder } from '@fleetward/core/durable-file';
import type { FileDigest, Files, FileWriter } from './files.ts';
import { lockFolder } from './lock-folder.ts';

const pieceBytes = 1024 * 1024;

/** The real file system. */
export const nodeFiles: Files = {
  read: readWhole,
  digest: digestOf,
  create: (path) => writerOf(openSync(path, 'w', 0o700)),
  resume: resumeFile,
  pieces: piecesOf,
  lengthBytes: (path) => statSync(path, { throwIfNoEntry: false })?.size,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  makeFolder: createFolderDurably,
  lockFolder,
  list: (folder) => readdirSync(folder),
  syncFolder,
  freeBytes: (folder) => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  },
};

function readWhole(path: string, bytesMax: number): Uint8Array | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const { size } = fstatSync(file);
    if (size > bytesMax) throw new RangeError(`\`${path}\` has ${size} bytes; at most ${bytesMax} are read`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** A slot that cannot be read, for whatever reason (bad block, folder, permissions), is one that does not verify. */
function digestOf(path: string): FileDigest | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return digestOpen(file);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function digestOpen(file: number): FileDigest {
  const hash = createHash('sha256');
  const piece = new Uint8Array(pieceBytes);
  let lengthBytes = 0;
  for (;;) {
    const count = readSync(file, piece);
    if (count === 0) return { sha256: hash.digest('hex'), lengthBytes };
    hash.update(piece.subarray(0, count));
    lengthBytes += count;
  }
}

function resumeFile(path: string, atByte: number): FileWriter {
  const file = openSync(path, 'r+');
  ftruncateSync(file, atByte);
  return writerOf(file, atByte);
}

function* piecesOf(path: string, lengthBytes: number, startByte = 0): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < lengthBytes; ) {
      const piece = new Uint8Array(Math.min(pieceBytes, lengthBytes - at));
      const count = readSync(file, piece, 0, piece.length, startByte + at);
      if (count === 0) return;
      yield piece.subarray(0, count);
      at += count;
    }
  } finally {
    closeSync(file);
  }
}

function writerOf(file: number, startByte = 0): FileWriter {
  let position = startByte;
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const count = writeSync(file, bytes, at, bytes.length - at, position);
        at += count;
        position += count;
      }
    },
    sync: () => fsyncSync(file),
    syncLater: () => promisify(fsync)(file),
    close: () => closeSync(file),
  };
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
