import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');

it('the example of the README runs and prints what it says', () => {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(join(PACKAGE, 'README.md'), 'utf8'))?.[1] ?? '';
  const args = ['--conditions=fleetward-source', '--input-type=module-typescript', '-e', example];
  const output = execFileSync(process.execPath, args, { cwd: PACKAGE, encoding: 'utf8', timeout: 20_000 });
  expect(output).toMatch(/^2 true\n.*would match if `iot:ClientId` were `dev2`/);
});
