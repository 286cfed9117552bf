import { createHash } from 'node:crypto';
import { type ChunkBytes, type ChunkIndex, createChunkIndexer } from '@fleetward/updates';

/** As files are read that are cut for a release. */
const pieceBytes = 65_536;

/** Cuts an image that comes in pieces and hashes each chunk, as `release add` and the agent do. */
export function cut(image: Uint8Array, sizes?: ChunkBytes): ChunkIndex {
  const indexer = createChunkIndexer(sizes);
  for (const piece of piecesOf(image)) indexer.push(piece);
  return indexer.end();
}

/** What the hash of all of it costs alone, on the same runtime. */
export function hash(image: Uint8Array): string {
  const sha256 = createHash('sha256');
  for (const piece of piecesOf(image)) sha256.update(piece);
  return sha256.digest('hex');
}

function* piecesOf(image: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < image.length; at += pieceBytes) yield image.subarray(at, at + pieceBytes);
}
