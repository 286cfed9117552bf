// `npm test`: format, lint, types, then every test but the long ones; with `--long` (`npm run test:long`) those. Prints at the end which tests did not run and the apt line that would run them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'fleetward-test-'));
const notRunFile = join(folder, 'not-run.tsv');

const bin = (name: string) => join(import.meta.dirname, '..', 'node_modules', '.bin', name);

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const [first, ...rest] = process.argv.slice(2);

/** Those that kill, cut power or tell the whole story of the documentation, again and again. */
const longTests: Step = {
  name: 'long tests',
  command: bin('vitest'),
  args: ['run', '.long.test.ts', ...rest],
};

const steps: readonly Step[] = [
  { name: 'format and lint', command: bin('biome'), args: ['ci', '--error-on-warnings', '.'] },
  { name: 'types', command: bin('tsc'), args: ['--noEmit'] },
  { name: 'unused code', command: bin('knip'), args: ['--no-progress', '--no-config-hints'] },
  {
    name: 'tests',
    command: bin('vitest'),
    args: ['run', '--exclude', '**/*.long.test.ts', ...process.argv.slice(2)],
  },
  // Longer: npm run fuzz -- --runs 1000000
  {
    name: 'fuzz, short',
    command: process.execPath,
    args: [...process.execArgv, join(import.meta.dirname, 'fuzz.ts'), '--runs', '3000'],
  },
];

try {
  process.exitCode = runAll();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function runAll(): number {
  for (const { name, command, args } of first === '--long' ? [longTests] : steps) {
    console.error(`\n— ${name}`);
    const started = performance.now();
    const run = spawnSync(command, args, {
      stdio: 'inherit',
      env: {
        ...process.env,
        FLEETWARD_NOT_RUN: notRunFile,
        // Private to this run: whoever writes there writes what we execute.
        NODE_COMPILE_CACHE: join(folder, 'compiled'),
      },
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
  if (packages.size > 0) console.error(`To run them: apt-get install -y ${[...packages].sort().join(' ')}`);
}
