import { createHash } from 'node:crypto';

/** The hash of a leaf (RFC 9162 §2.1.1): the prefix keeps it apart from a node's. */
export function leafHash(leaf: Uint8Array): Uint8Array {
  return createHash('sha256').update(leafPrefix).update(leaf).digest();
}

/** The hash of an inner node over its two children (RFC 9162 §2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest();
}

/** The root of a tree without leaves. */
export function emptyRoot(): Uint8Array {
  return createHash('sha256').digest();
}

/** The largest power of two below `size`, which is 2 or more: where a tree is split (RFC 9162 §2.1.1). */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Exact also where a logarithm rounds. */
export function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.round(Math.log2(value)) === value;
}

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);
