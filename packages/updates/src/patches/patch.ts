import { promisify } from 'node:util';
import { constants, createZstdDecompress, zstdCompress } from 'node:zlib';
import { UpdatesError } from '../errors.ts';

/** The largest image that a patch starts from or leads to: a frame of zstd reaches back over as much without being asked to (window log 27). */
export const patchedBytesMax = 134_217_728;

const windowLog = 27;
const pieceBytes = 131_072;

/**
 * Tables that hold every place of the old image: with those of the level alone, which are for small dictionaries, a patch becomes four
 * times as large. zstd takes less where the images are small.
 */
const making = {
  [constants.ZSTD_c_compressionLevel]: 17,
  [constants.ZSTD_c_windowLog]: windowLog,
  [constants.ZSTD_c_hashLog]: 26,
  [constants.ZSTD_c_chainLog]: 27,
  [constants.ZSTD_c_searchLog]: 5,
  [constants.ZSTD_c_enableLongDistanceMatching]: 1,
};

/**
 * What leads from one image to another: a zstd frame (RFC 8878) whose dictionary is the old image, as `zstd --patch-from` makes and reads it.
 * Takes minutes and 16 times the memory of large images. Throws `updates.too_large`.
 */
export async function makePatch(base: Uint8Array, result: Uint8Array): Promise<Uint8Array> {
  const longest = Math.max(base.length, result.length);
  if (longest > patchedBytesMax) {
    const message = `an image of ${longest} bytes: patches are for ${patchedBytesMax} at most`;
    throw new UpdatesError('updates.too_large', message);
  }
  const options = { params: making, dictionary: base, pledgedSrcSize: result.length, chunkSize: pieceBytes };
  return promisify(zstdCompress)(result, options);
}

/**
 * The image that a patch leads to, in pieces, and never a byte more than `lengthBytes`. Verify the patch before, and verify what comes
 * out. Throws `updates.patch_invalid`.
 */
export async function* applyPatch(
  patch: Uint8Array,
  { base, lengthBytes }: { readonly base: Uint8Array; readonly lengthBytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  let madeBytes = 0;
  try {
    const stream = createZstdDecompress({ params, dictionary: base, chunkSize: pieceBytes });
    stream.end(patch);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      if (madeBytes + piece.length > lengthBytes) throw invalid(`it makes more than ${lengthBytes} bytes`);
      madeBytes += piece.length;
      yield piece;
    }
  } catch (cause) {
    throw isOfZstd(cause) ? invalid(cause.message, cause) : cause;
  }
  if (madeBytes < lengthBytes) throw invalid(`it makes ${madeBytes} bytes of ${lengthBytes}`);
}

/** Memory that applying takes: the old image, zstd's copy of it, the patch, zstd's window, and what is under way. */
export function applyingBytes(lengths: {
  readonly base: number;
  readonly patch: number;
  readonly result: number;
}): number {
  return 2 * lengths.base + lengths.patch + lengths.result + 16 * 1_048_576;
}

function isOfZstd(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause && /^(ZSTD|ERR_ZLIB|ERR_ZSTD|Z_)/.test(`${cause.code}`);
}

function invalid(why: string, cause?: unknown): UpdatesError {
  return new UpdatesError('updates.patch_invalid', `not a patch of this image: ${why}`, { cause });
}
