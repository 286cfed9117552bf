import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const packages = join(import.meta.dirname, '../../packages');

function testFiles(): readonly string[] {
  return readdirSync(packages).flatMap((name) => {
    const folder = join(packages, name, 'test');
    if (!existsSync(folder)) return [];
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return paths.filter((path) => path.endsWith('.ts')).map((path) => join(folder, path));
  });
}

test('no test skips itself unseen: what a program is missing for is declared with `needs`', () => {
  const files = testFiles();
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => /\b(skipIf|runIf)\(/.test(readFileSync(file, 'utf8')))).toEqual([]);
});
