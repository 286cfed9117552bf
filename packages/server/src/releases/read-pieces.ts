import { type FileHandle, open } from 'node:fs/promises';
import type { ArtifactRange } from './artifact-store.ts';

/** Bytes read at once, and held twice by each download. */
const pieceBytes = 131_072;

/**
 * A range of a file in pieces, one read ahead. Two buffers take turns, so a piece is valid only until the next one is asked for:
 * new memory for each would keep the garbage collector busy with all that is downloaded.
 */
export async function* readPieces(
  path: string,
  { start, end }: ArtifactRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const lengthBytes = end + 1 - start;
  if (lengthBytes <= 0) return;
  await using file = await open(path, 'r');
  const size = Math.min(pieceBytes, lengthBytes);
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(lengthBytes > size ? size : 0)];
  let atByte = start;
  let pending = readPiece(file, { into: buffers[0]!, atByte, end });
  try {
    for (let turn = 1; atByte <= end; turn++) {
      const piece = await pending;
      atByte += piece.length;
      if (atByte <= end) pending = readPiece(file, { into: buffers[turn % 2]!, atByte, end });
      yield piece;
    }
  } finally {
    await pending.catch(() => undefined); // not closed under a read
  }
}

async function readPiece(
  file: FileHandle,
  { into, atByte, end }: { readonly into: Buffer; readonly atByte: number; readonly end: number },
): Promise<Uint8Array> {
  const wanted = Math.min(into.length, end + 1 - atByte);
  const { bytesRead } = await file.read(into, 0, wanted, atByte);
  if (bytesRead === 0) throw new Error('an artifact is shorter than its record says');
  return into.subarray(0, bytesRead);
}
