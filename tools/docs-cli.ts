import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createProgram, renderReference, type Terminal } from '@fleetward/cli';

// Writes docs/reference/cli.md from the program's own command tree; `--check` only tells whether it is up to date.
const file = join(import.meta.dirname, '../docs/reference/cli.md');

/** Nothing is run, only looked at: the terminal is never used. */
const terminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: {},
  clock: { now: () => 0 },
  random: { bytes: (length) => new Uint8Array(length) },
};

const reference = renderReference((await createProgram(terminal)).program);

if (process.argv.includes('--check')) check();
else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, reference);
}

function check(): void {
  if (readFileSync(file, 'utf8') === reference) return;
  console.error(
    'docs/reference/cli.md is out of date: run `node --conditions=fleetward-source tools/docs-cli.ts`',
  );
  process.exitCode = 1;
}
