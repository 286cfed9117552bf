import { concatBytes } from '@fleetward/core';

/** A file, whole or as a stream of chunks. */
export type FileBytes = Uint8Array | AsyncIterable<Uint8Array>;

/** Ed25519 has no streaming form in node:crypto, so its files are held in memory up to this size. */
export const oneShotBytesMax = 512 * 1024 * 1024;

/** The whole file, or `too-large` as soon as it has more than `oneShotBytesMax` bytes. */
export async function collectBytes(file: FileBytes): Promise<Uint8Array | 'too-large'> {
  if (file instanceof Uint8Array) return file.length > oneShotBytesMax ? 'too-large' : file;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of file) {
    length += chunk.length;
    if (length > oneShotBytesMax) return 'too-large';
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

export function isTooLarge(bytes: Uint8Array | 'too-large'): bytes is 'too-large' {
  return bytes === 'too-large';
}
