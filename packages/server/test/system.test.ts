import { toHex } from '@fleetward/core';
import { expect, test } from 'vitest';
import { systemRandom } from '../src/system.ts';

test.each([12, 16, 17, 32])('draws of %i bytes are as long as asked for, and none comes twice', (length) => {
  const drawn = Array.from({ length: 1_000 }, () => systemRandom.bytes(length));
  expect(drawn.every((bytes) => bytes.length === length)).toBe(true);
  expect(new Set(drawn.map(toHex)).size).toBe(1_000);
});

test('what was drawn is in memory of its own', () => {
  const [first, second] = [systemRandom.bytes(16), systemRandom.bytes(16)];
  const before = toHex(second);
  new Uint8Array(first.buffer).fill(0);
  expect([first.buffer.byteLength, toHex(second)]).toEqual([16, before]);
});
