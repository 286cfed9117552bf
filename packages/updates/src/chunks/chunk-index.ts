import { createHash } from 'node:crypto';
import { concatBytes, fromHex, toHex, utf8 } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { type ChunkBytes, chunkBytes, createChunker } from './chunker.ts';

/** The chunks of an image in their order; together they are the image. */
export interface ChunkIndex {
  readonly lengthBytes: number;
  readonly chunks: readonly Chunk[];
}

export interface Chunk {
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly lengthBytes: number;
}

/** An index is read at once, so it is bounded; an image of more chunks, some 3 GB, has none. */
export const chunkIndexBytesMax = 8_388_608;

const magic = utf8('FWCHUNK1');
const headBytes = magic.length + 8;
const entryBytes = 36;

/** Makes the index of an image that comes in pieces. */
export interface ChunkIndexer {
  push(bytes: Uint8Array): void;
  end(): ChunkIndex;
}

export function createChunkIndexer(sizes?: ChunkBytes): ChunkIndexer {
  const chunker = createChunker(sizes);
  const chunks: Chunk[] = [];
  let lengthBytes = 0;
  const take = (cut: Iterable<Uint8Array>): void => {
    for (const chunk of cut) {
      chunks.push({
        sha256: createHash('sha256').update(chunk).digest('hex'),
        lengthBytes: chunk.length,
      });
      lengthBytes += chunk.length;
    }
  };
  return {
    push: (bytes) => take(chunker.push(bytes)),
    end: () => {
      take(chunker.end());
      return { lengthBytes, chunks };
    },
  };
}

/**
 * `FWCHUNK1`, the length of the image (8 bytes), then SHA-256 and length (4 bytes) of each chunk; numbers are big-endian.
 * `undefined` when it would be too large.
 */
export function formatChunkIndex({ lengthBytes, chunks }: ChunkIndex): Uint8Array | undefined {
  if (headBytes + chunks.length * entryBytes > chunkIndexBytesMax) return undefined;
  const entries = chunks.flatMap((chunk) => [fromHex(chunk.sha256), bigEndian(chunk.lengthBytes, 4)]);
  return concatBytes([magic, bigEndian(lengthBytes, 8), ...entries]);
}

function bigEndian(value: number, size: 4 | 8): Uint8Array {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, size - Math.min(size, 6), Math.min(size, 6));
  return bytes;
}

/** Reads what `formatChunkIndex` writes, and nothing else. Throws `UpdatesError` `updates.chunks_invalid`. */
export function parseChunkIndex(bytes: Uint8Array): ChunkIndex {
  if (bytes.length > chunkIndexBytesMax) throw invalid(`more than ${chunkIndexBytesMax} bytes`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!view.subarray(0, magic.length).equals(magic)) throw invalid('it does not begin with `FWCHUNK1`');
  const count = (bytes.length - headBytes) / entryBytes;
  if (!Number.isInteger(count) || count < 0) throw invalid('its length is not of whole entries');
  if (view.readUInt16BE(magic.length) !== 0) throw invalid('the image is too long');
  const lengthBytes = view.readUIntBE(magic.length + 2, 6);
  const chunks = Array.from({ length: count }, (_, entry) => readChunk(view, { entry, count }));
  if (chunks.reduce((sum, chunk) => sum + chunk.lengthBytes, 0) !== lengthBytes)
    throw invalid('the chunks are not as long as the image');
  return { lengthBytes, chunks };
}

function readChunk(
  view: Buffer,
  { entry, count }: { readonly entry: number; readonly count: number },
): Chunk {
  const at = headBytes + entry * entryBytes;
  const lengthBytes = view.readUInt32BE(at + 32);
  const least = entry === count - 1 ? 1 : chunkBytes.min;
  if (lengthBytes < least || lengthBytes > chunkBytes.max) throw invalid(`chunk ${entry} has a wrong length`);
  return { sha256: toHex(view.subarray(at, at + 32)), lengthBytes };
}

function invalid(why: string): UpdatesError {
  return new UpdatesError('updates.chunks_invalid', `not an index of chunks: ${why}`);
}
