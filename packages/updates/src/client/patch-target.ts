import { createHash } from 'node:crypto';
import { isUpdatesError } from '../errors.ts';
import { targetFilePath } from '../metadata/target-path.ts';
import { applyingBytes, applyPatch, patchedBytesMax } from '../patches/patch.ts';
import { type PatchLink, parsePatches, patchPath } from '../patches/patch-list.ts';
import { type Assembly, fetchedShareMax, fetchRange, type LocalImage } from './assemble.ts';
import { type FetchResult, fetchWhole } from './fetcher.ts';

/**
 * A target made from an image that the device has and a patch, as a stream from `fromByte` on; `undefined` where there is no patch for
 * what the device has, no memory for it, or any doubt about it. It is verified like one that was downloaded.
 */
export async function patchTarget(assembly: Assembly): Promise<FetchResult | undefined> {
  const { target, fromByte, local } = assembly;
  if (target.length > patchedBytesMax) return undefined;
  for (const link of parsePatches(target.custom)) {
    if (link.length > fetchedShareMax * (target.length - fromByte)) continue;
    if (neededBytes(link, assembly) > assembly.memoryBytes) continue;
    const base = findBase(link, local);
    const patch = base && (await fetchPatch(link, assembly));
    if (base && patch) return { kind: 'stream', fromByte, chunks: follow({ base, patch }, assembly) };
  }
  return undefined;
}

function neededBytes({ base, length }: PatchLink, { target }: Assembly): number {
  return applyingBytes({ base: base.length, patch: length, result: target.length });
}

/** The whole image, if the device has the very one. */
function findBase({ base }: PatchLink, local: readonly LocalImage[]): Uint8Array | undefined {
  for (const image of local) {
    if (image.lengthBytes !== base.length) continue;
    const bytes = readImage(image);
    if (bytes !== undefined && sha256Of(bytes) === base.sha256) return bytes;
  }
  return undefined;
}

function readImage(image: LocalImage): Uint8Array | undefined {
  const bytes = Buffer.alloc(image.lengthBytes);
  let at = 0;
  try {
    for (const piece of image.read(0, image.lengthBytes)) {
      if (at + piece.length > bytes.length) return undefined;
      bytes.set(piece, at);
      at += piece.length;
    }
  } catch {
    return undefined; // then it is fetched in another way
  }
  return at === bytes.length ? bytes : undefined;
}

/** Nothing looks into it before all of it is what was signed for. */
async function fetchPatch(
  link: PatchLink,
  { target, fetcher, signal }: Assembly,
): Promise<Uint8Array | undefined> {
  const path = targetFilePath({ path: patchPath(target.path, link.base), sha256: link.sha256 });
  const reply = await fetchWhole(fetcher, { path, bytesMax: link.length, signal });
  if (reply.kind !== 'bytes' || reply.bytes.length !== link.length) return undefined;
  return sha256Of(reply.bytes) === link.sha256 ? reply.bytes : undefined;
}

/** Where the patch turns out to be none, the rest of the image is fetched from there. */
async function* follow(
  { base, patch }: { readonly base: Uint8Array; readonly patch: Uint8Array },
  assembly: Assembly,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fromByte } = assembly;
  const { length: lengthBytes } = assembly.target;
  let at = 0;
  try {
    for await (const piece of applyPatch(patch, { base, lengthBytes })) {
      const wanted = piece.subarray(Math.max(0, fromByte - at));
      at += piece.length;
      if (wanted.length > 0) yield wanted;
    }
  } catch (error) {
    if (!isUpdatesError(error)) throw error;
    yield* fetchRange(Math.max(at, fromByte), lengthBytes, assembly);
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
