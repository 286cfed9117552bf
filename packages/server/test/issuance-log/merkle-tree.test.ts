import { createHash, randomBytes } from 'node:crypto';
import { emptyRoot, isConsistent, isIncluded, nodeHash, splitOf, TreeRoot } from '@fleetward/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  consistencyPath,
  fold,
  inclusionPath,
  keptLevels,
  type ReadNodes,
  rootOf,
} from '../../src/issuance-log/merkle-tree.ts';

/** RFC 9162 §2.1.1 word for word: the oracle. */
function merkleTreeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return leaves[0]!;
  const split = splitOf(leaves.length);
  return nodeHash(merkleTreeHash(leaves.slice(0, split)), merkleTreeHash(leaves.slice(split)));
}

/** Leaves, and the full nodes of the levels that are kept, in memory. */
function nodesOver(leaves: readonly Uint8Array[]): ReadNodes {
  const levels = new Map([[0, leaves]]);
  for (let level = keptLevels; leaves.length >= 2 ** level; level += keptLevels) {
    const below = levels.get(level - keptLevels)!;
    const count = Math.floor(below.length / 2 ** keptLevels);
    const parents = Array.from({ length: count }, (_, position) =>
      fold(below.slice(position * 2 ** keptLevels, (position + 1) * 2 ** keptLevels)),
    );
    levels.set(level, parents);
  }
  return async ({ level, from, count }) => {
    const nodes = levels.get(level)!.slice(from, from + count);
    expect(nodes.length, `nodes ${from} to ${from + count} of level ${level}`).toBe(count);
    return nodes;
  };
}

const leavesOf = (count: number, salt: Uint8Array) =>
  Array.from({ length: count }, (_, index) =>
    createHash('sha256').update(salt).update(String(index)).digest(),
  );

const salt = randomBytes(8);

async function assertTree(size: number, [index, older]: readonly [number, number]): Promise<void> {
  const leaves = leavesOf(size, salt);
  const read = nodesOver(leaves);
  const root = await rootOf(read, size);
  expect(root).toEqual(merkleTreeHash(leaves));
  const grown = new TreeRoot();
  for (const leaf of leaves) grown.append(leaf);
  expect(grown.root()).toEqual(root);
  const path = await inclusionPath(read, index, size);
  const inclusion = { leaf: leaves[index]!, index, size, path, root };
  expect(isIncluded(inclusion)).toBe(true);
  expect(isIncluded({ ...inclusion, leaf: randomBytes(32) })).toBe(false);
  if (size > 1) expect(isIncluded({ ...inclusion, index: (index + 1) % size })).toBe(false);
  const from = { size: older, root: merkleTreeHash(leaves.slice(0, older)) };
  const consistency = { from, to: { size, root }, path: await consistencyPath(read, older, size) };
  expect(isConsistent(consistency)).toBe(true);
  if (older > 0)
    expect(isConsistent({ ...consistency, from: { size: older, root: randomBytes(32) } })).toBe(false);
}

const places = (sizeMax: number) =>
  fc
    .integer({ min: 1, max: sizeMax })
    .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat(size)));

test('root and proofs are those of RFC 9162 for any tree, leaf and older tree', async () => {
  await fc.assert(
    fc.asyncProperty(places(1_200), ([size, index, older]) => assertTree(size, [index, older])),
    { numRuns: 150 },
  );
}, 60_000);

test('also where whole levels are kept', async () => {
  await assertTree(65_537, [12_345, 65_536]);
}, 60_000);

test('a tree grown one by one, and read as nodes, agrees with every size on the way', async () => {
  const leaves = leavesOf(600, salt);
  const grown = new TreeRoot();
  for (const [count, leaf] of leaves.entries()) {
    grown.append(leaf);
    expect(await rootOf(nodesOver(leaves.slice(0, count + 1)), count + 1)).toEqual(grown.root());
  }
}, 60_000);
