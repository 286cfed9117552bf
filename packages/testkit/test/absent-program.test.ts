import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram, type TemporaryFolder, temporaryFolder } from '../src/index.ts';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const config = join(import.meta.dirname, 'absent-program/vitest.config.ts');

async function runSuites(folder: TemporaryFolder, environment: Readonly<Record<string, string>>) {
  const report = folder.join('report.json');
  const args = [vitest, 'run', '--config', config, '--outputFile', report];
  const { code } = await runProgram(process.execPath, args, {
    environment: {
      PATH: process.env.PATH,
      HOME: folder.path,
      FLEETWARD_NOT_RUN: folder.join('not-run'),
      ...environment,
    },
  });
  const { numPassedTests, numPendingTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
  return { code, passed: numPassedTests, skipped: numPendingTests, failed: numFailedTests };
}

test('a suite whose program is missing is skipped and noted; the others run', async () => {
  using folder = temporaryFolder();
  expect(await runSuites(folder, {})).toEqual({ code: 0, passed: 1, skipped: 1, failed: 0 });
  expect(readFileSync(folder.join('not-run'), 'utf8')).toBe(
    'no-such-program-anywhere\tno-such-package\ta suite without its program\n',
  );
});

test('with CI=true a suite whose program is missing fails', async () => {
  using folder = temporaryFolder();
  expect(await runSuites(folder, { CI: 'true' })).toEqual({ code: 1, passed: 1, skipped: 0, failed: 1 });
  expect(existsSync(folder.join('not-run'))).toBe(false);
});
