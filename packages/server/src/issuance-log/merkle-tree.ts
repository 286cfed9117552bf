import { emptyRoot, isPowerOfTwo, nodeHash, splitOf } from '@fleetward/protocol';

/** Levels between two that are kept: 256 nodes of one level make one of the next that is kept. */
export const keptLevels = 8;

/**
 * `count` neighbouring nodes of one level from position `from` on; `level` is a multiple of `keptLevels`, 0 are the leaves.
 * Asked only for nodes whose subtree is full.
 */
export type ReadNodes = (range: {
  readonly level: number;
  readonly from: number;
  readonly count: number;
}) => Promise<readonly Uint8Array[]>;

/** The root over the first `size` leaves (RFC 9162 §2.1.1). */
export async function rootOf(read: ReadNodes, size: number): Promise<Uint8Array> {
  return size === 0 ? emptyRoot() : rangeHash(read, 0, size);
}

/** The audit path of a leaf in the tree of the first `size` leaves, the leaf's neighbour first (RFC 9162 §2.1.3.1). */
export async function inclusionPath(read: ReadNodes, index: number, size: number): Promise<Uint8Array[]> {
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      path.push(await rangeHash(read, start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/** What shows that the tree of `size` leaves goes on from that of `olderSize` (RFC 9162 §2.1.4.1). */
export async function consistencyPath(
  read: ReadNodes,
  olderSize: number,
  size: number,
): Promise<Uint8Array[]> {
  if (olderSize === 0 || olderSize === size) return [];
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end !== olderSize) {
    const middle = start + splitOf(end - start);
    if (olderSize <= middle) {
      path.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      path.push(await rangeHash(read, start, middle));
      start = middle;
    }
  }
  // The whole older tree is known to the asker.
  if (start > 0) path.push(await rangeHash(read, start, end));
  return path.reverse();
}

/** The root over the leaves from `start` to before `end`. */
async function rangeHash(read: ReadNodes, start: number, end: number): Promise<Uint8Array> {
  if (isPowerOfTwo(end - start)) return fullSubtree(read, start, Math.round(Math.log2(end - start)));
  const middle = start + splitOf(end - start);
  return nodeHash(await rangeHash(read, start, middle), await rangeHash(read, middle, end));
}

async function fullSubtree(read: ReadNodes, start: number, height: number): Promise<Uint8Array> {
  const level = height - (height % keptLevels);
  return fold(await read({ level, from: start / 2 ** level, count: 2 ** (height - level) }));
}

/** The root over 2ⁿ neighbouring nodes. */
export function fold(nodes: readonly Uint8Array[]): Uint8Array {
  let row = nodes;
  while (row.length > 1) row = pairs(row).map(([left, right]) => nodeHash(left, right));
  const [root] = row;
  if (root === undefined) throw new RangeError('there are no nodes to fold');
  return root;
}

function pairs(row: readonly Uint8Array[]): (readonly [Uint8Array, Uint8Array])[] {
  return Array.from({ length: row.length / 2 }, (_, pair) => [row[2 * pair]!, row[2 * pair + 1]!] as const);
}
