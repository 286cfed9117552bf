import { isUpdatesError } from '../src/errors.ts';
import { applyPatch, makePatch } from '../src/patches/patch.ts';
import { customOfPatches, parsePatches } from '../src/patches/patch-list.ts';

const base = Buffer.from(Array.from({ length: 20_000 }, (_, at) => (at * at) >> 7));
const result = Buffer.concat([base.subarray(0, 9_000), Buffer.from('a change'), base.subarray(9_100)]);
const lengthBytes = result.length;

/** A patch, one of something else, and what a release says of a patch. */
export const seeds: readonly Uint8Array[] = [
  await makePatch(base, result),
  await makePatch(Buffer.alloc(0), Buffer.alloc(1_000_000)),
  Buffer.from(
    JSON.stringify([{ base: { sha256: 'a'.repeat(64), length: 1 }, sha256: 'b'.repeat(64), length: 2 }]),
  ),
];

/** No bytes make more than was asked for, or fail in another way than as no patch; links are read as they are written. */
export async function fuzz(input: Uint8Array): Promise<void> {
  readLinks(input);
  let madeBytes = 0;
  try {
    for await (const piece of applyPatch(input, { base, lengthBytes })) madeBytes += piece.length;
    if (madeBytes !== lengthBytes) throw new Error('it ended well with too few bytes');
  } catch (error) {
    if (!isUpdatesError(error)) throw error;
  }
  if (madeBytes > lengthBytes) throw new Error('it made too many bytes');
}

function readLinks(input: Uint8Array): void {
  let patches: unknown;
  try {
    patches = JSON.parse(Buffer.from(input).toString());
  } catch {
    return;
  }
  const links = parsePatches({ patches: patches as never }); // whatever JSON there is
  const again = parsePatches(customOfPatches(links));
  if (JSON.stringify(again) !== JSON.stringify(links)) throw new Error('read otherwise than written');
}
