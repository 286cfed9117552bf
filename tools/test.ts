// `npm test`: format, lint, types, then every test. Prints at the end which tests did not run and the apt line that would run them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'fleetward-test-'));
const notRunFile = join(folder, 'not-run.tsv');

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'ci', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit'],
  ['unused code', 'knip', '--no-progress'],
  ['tests', 'vitest', 'run', ...process.argv.slice(2)],
];

try {
  process.exitCode = runAll();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function runAll(): number {
  for (const [name, command, ...args] of steps) {
    console.error(`\n— ${name}`);
    const started = performance.now();
    const bin = join(import.meta.dirname, '..', 'node_modules', '.bin', command);
    const run = spawnSync(bin, args, {
      stdio: 'inherit',
      env: { ...process.env, FLEETWARD_NOT_RUN: notRunFile },
    });
    if (run.status !== 0) {
      console.error(`\n${name}: failed`);
      return run.status ?? 1;
    }
    console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  reportNotRun();
  return 0;
}

function reportNotRun(): void {
  if (!existsSync(notRunFile)) return;
  const rows = new Set(readFileSync(notRunFile, 'utf8').split('\n').filter(Boolean));
  const packages = new Set<string>();
  console.error('\nNot run, because a program is missing:');
  for (const row of rows) {
    const [program, debianPackage, suite] = row.split('\t');
    console.error(`  ${suite} (needs ${program})`);
    if (debianPackage) packages.add(debianPackage);
  }
  console.error(`To run them: apt-get install -y ${[...packages].sort().join(' ')}`);
}
