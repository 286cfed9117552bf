import { expect, test } from 'vitest';
import { needs } from '../../src/index.ts';

needs('no-such-program-anywhere', 'no-such-package').describe('a suite without its program', () => {
  test('must not run', () => expect.unreachable());
});

needs('sh', 'dash').describe('a suite with its program', () => {
  test('runs', () => expect(1 + 1).toBe(2));
});
