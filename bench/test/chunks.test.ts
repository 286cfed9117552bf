import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { cut, hash } from '../src/chunks/cut.ts';
import { chunkDelta } from '../src/chunks/deltas.ts';
import { spentByProgram } from '../src/chunks/speed.ts';
import { parseOptions } from '../src/options.ts';

const old = createHash('shake256', { outputLength: 4_000_000 }).update('old').digest();
const edited = Buffer.concat([old.subarray(0, 500_000), Buffer.from('an edit'), old.subarray(500_000)]);

test('an edit in the midst costs the chunk it is in, whatever the size of chunks, and their index', () => {
  for (const wishedBytes of [4_096, 16_384, 65_536]) {
    const delta = chunkDelta({ old, new: edited }, wishedBytes);
    expect(delta.requests).toBe(1);
    expect(delta.lackedBytes).toBeGreaterThan(0);
    expect(delta.lackedBytes).toBeLessThanOrEqual(2 * 4 * wishedBytes);
    expect(delta.rangeBytes).toBe(delta.lackedBytes);
    const average = edited.length / ((delta.indexBytes - 16) / 36);
    expect(average).toBeGreaterThan(0.75 * wishedBytes);
    expect(average).toBeLessThan(1.5 * wishedBytes);
  }
});

test('the row of 16 KiB is the format that releases have', () => {
  expect(cut(edited, { min: 4_096, wished: 16_384, max: 65_536 })).toEqual(cut(edited));
  const [chunk] = cut(edited).chunks;
  expect(chunk?.sha256).toBe(hash(edited.subarray(0, chunk?.lengthBytes)));
});

test('a program that fails ends the bench of patches', async () => {
  await expect(spentByProgram('/bin/false', [])).rejects.toThrow('/bin/false');
});

test('the one release is not measured without the other', () => {
  expect(() => parseOptions(['--old', 'a'])).toThrow('`--old` goes with `--new`');
  expect(parseOptions(['--old', 'a', '--new', 'b']).releases).toEqual({ oldFile: 'a', newFile: 'b' });
});
