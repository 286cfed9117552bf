import { counted } from '@fleetward/core';
import { expect, test } from 'vitest';

test('a count has its noun in singular or plural', () => {
  expect([0, 1, 2].map((count) => counted(count, 'group'))).toEqual(['0 groups', 'one group', '2 groups']);
  expect([1, 2].map((count) => counted(count, 'policy', 'policies'))).toEqual(['one policy', '2 policies']);
});
