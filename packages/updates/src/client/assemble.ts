import { createHash } from 'node:crypto';
import { type JsonObject, parseSha256 } from '@fleetward/core';
import {
  type ChunkIndex,
  chunkIndexBytesMax,
  createChunkIndexer,
  parseChunkIndex,
} from '../chunks/chunk-index.ts';
import { type AssemblyStep, placesOf, planAssembly, remoteBytes } from '../chunks/plan.ts';
import { isUpdatesError } from '../errors.ts';
import { isObject } from '../metadata/envelope.ts';
import { targetFilePath } from '../metadata/target-path.ts';
import { type Fetcher, type FetchResult, fetchWhole } from './fetcher.ts';
import type { Target } from './target.ts';

/** An image that the device has, in whatever state: what is taken from it is verified with the rest. */
export interface LocalImage {
  readonly lengthBytes: number;
  /** May throw, and may give less than was asked for. */
  read(startByte: number, lengthBytes: number): Iterable<Uint8Array>;
}

export interface Assembly {
  readonly target: Target;
  readonly fetcher: Fetcher;
  readonly signal: AbortSignal | undefined;
  readonly local: readonly LocalImage[];
  readonly fromByte: number;
  /** What a patch may take of the memory. */
  readonly memoryBytes: number;
}

/** Part of how a device asks: within the requests a second that a platform allows a device, see the agent's fetcher. */
export const planLimits = { rangesMax: 256, gapBytesMin: 16_384 };
/** Where more than this share has to be fetched, one request for all is simpler. */
export const fetchedShareMax = 0.9;

/** The target path of a target's index of chunks, a target beside it. */
export function chunkIndexPath(targetPath: string): string {
  return `${targetPath}.chunks`;
}

/** What a target's `custom` field says of its index of chunks: signed, so that what it says can be trusted to be the signer's. */
export function customOfChunks(index: { readonly sha256: string; readonly length: number }): JsonObject {
  return { chunks: { sha256: index.sha256, length: index.length } };
}

/**
 * A target put together from what the device has and ranges of the rest, as a stream from `fromByte` on; `undefined` where there is
 * nothing to gain, or any doubt about the index. It is verified like one that was downloaded.
 */
export async function assembleTarget(assembly: Assembly): Promise<FetchResult | undefined> {
  const { target, local, fromByte } = assembly;
  if (local.length === 0) return undefined;
  const want = await fetchIndex(assembly);
  if (want?.lengthBytes !== target.length) return undefined;
  const steps = planAssembly(want, placesOf(local.map(indexOf)), { ...planLimits, fromByte });
  if (remoteBytes(steps) > fetchedShareMax * (target.length - fromByte)) return undefined;
  return { kind: 'stream', fromByte, chunks: follow(steps, assembly) };
}

async function fetchIndex({ target, fetcher, signal }: Assembly): Promise<ChunkIndex | undefined> {
  const { chunks } = target.custom;
  if (!isObject(chunks)) return undefined;
  const { sha256, length } = chunks;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof length !== 'number' || !(length >= 0 && length <= chunkIndexBytesMax)) return undefined;
  const path = targetFilePath({ path: chunkIndexPath(target.path), sha256: parseSha256(sha256) });
  const reply = await fetchWhole(fetcher, { path, bytesMax: length, signal });
  if (reply.kind !== 'bytes') return undefined;
  if (createHash('sha256').update(reply.bytes).digest('hex') !== sha256) return undefined;
  try {
    return parseChunkIndex(reply.bytes);
  } catch (error) {
    if (isUpdatesError(error)) return undefined;
    throw error;
  }
}

/** The chunks of what can be read of an image. */
function indexOf(image: LocalImage): ChunkIndex {
  const indexer = createChunkIndexer();
  try {
    for (const piece of image.read(0, image.lengthBytes)) indexer.push(piece);
  } catch {
    // What could be read is of use all the same.
  }
  return indexer.end();
}

/** Where a source or the repository does not give what the plan says, the rest of the image is fetched from there. */
async function* follow(
  steps: readonly AssemblyStep[],
  assembly: Assembly,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = assembly.fromByte;
  for (const step of steps) {
    const endByte = at + step.lengthBytes;
    const pieces = step.kind === 'local' ? localPieces(step, assembly) : fetchRange(at, endByte, assembly);
    for await (const piece of pieces) {
      yield piece;
      at += piece.length;
    }
    if (at === endByte) continue;
    if (at < endByte) yield* fetchRange(at, assembly.target.length, assembly);
    return;
  }
}

/** Fewer bytes than the step says, where the source has fewer or fails. */
function* localPieces(
  { source, startByte, lengthBytes }: Extract<AssemblyStep, { kind: 'local' }>,
  { local }: Assembly,
): Generator<Uint8Array> {
  try {
    yield* local[source]?.read(startByte, lengthBytes) ?? [];
  } catch {
    // The caller sees that there are too few.
  }
}

/** A range of the image from the repository. Throws as a transport does. A repository that sends all of the file instead is read from there to its end. */
export async function* fetchRange(
  startByte: number,
  endByte: number,
  { target, fetcher, signal }: Assembly,
): AsyncGenerator<Uint8Array> {
  const bytesMax = endByte - startByte;
  const range = { fromByte: startByte, toByte: endByte - 1 };
  const path = targetFilePath(target);
  const result = await fetcher.fetch(path, { bytesMax, ...range, ...(signal && { signal }) });
  if (result.kind === 'absent') throw new Error(`the repository has no \`${path}\` any more`);
  if (result.kind === 'unreachable') throw new Error(result.explanation);
  const began = result.fromByte ?? 0;
  const untilByte = began === startByte ? endByte : target.length;
  let at = began;
  for await (const chunk of result.chunks) {
    const wanted = chunk.subarray(Math.max(0, startByte - at), Math.max(0, untilByte - at));
    at += chunk.length;
    if (wanted.length > 0) yield wanted;
    if (at >= untilByte) return;
  }
  if (at < untilByte) throw new Error('the repository sent fewer bytes than it was asked for');
}
