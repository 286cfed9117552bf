import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleetward-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fuzz(name: string, source: string) {
  writeFileSync(join(folder, `${name}.fuzz.ts`), source);
  const driver = join(import.meta.dirname, '../fuzz.ts');
  return runProgram(process.execPath, [
    driver,
    '--targets',
    join(folder, `${name}.fuzz.ts`),
    '--runs',
    '5000',
    '--seed',
    '7',
  ]);
}

test('finds a planted bug and prints the input and the seed', async () => {
  const planted = `export const seeds = [new Uint8Array(8)];
export function fuzz(input) { if (input[3] === 0xff) throw new Error('planted'); }`;
  const outcome = await fuzz('planted', planted);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toMatch(/planted: finding in run \d+ of seed 7, input [A-Za-z0-9+/=]+/);
});

test('reports a target without a bug as clean', async () => {
  const outcome = await fuzz('clean', 'export const seeds = [new Uint8Array(8)]; export function fuzz() {}');
  expect(outcome.code).toBe(0);
  expect(outcome.stdout.toString()).toContain('clean: 5000 inputs, seed 7, no finding');
});

test.for(['--run 10', '--runs many', 'no-such-target'])(
  '`%s` is refused before anything runs, with what there is',
  async (line) => {
    const { code, stdout, stderr } = await runProgram(process.execPath, [
      join(import.meta.dirname, '../fuzz.ts'),
      ...line.split(' '),
    ]);
    expect(code).toBe(2);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^[^\n]+; usage: npm run fuzz [^\n]+\n$/);
  },
);
