#!/usr/bin/env node
// Plain JavaScript that any Node since 18 can read: finds a Node that can run the program, and runs it there.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestNode = 24;
const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(packageFolder, 'src', 'main.ts');
const isCheckout = existsSync(source);
const isNewEnough = Number(process.versions.node.split('.')[0]) >= oldestNode;

if (isNewEnough && !isCheckout) await import('../dist/main.js');
else runElsewhere();

function runElsewhere() {
  const node = isNewEnough ? process.execPath : pinnedNode(packageFolder);
  if (node === undefined) {
    process.stderr.write(
      `error: fleetward needs Node ${oldestNode} or newer, this is ${process.versions.node}\n` +
        '  → install it, or run `npm install` in the checkout, which brings one along\n',
    );
    process.exitCode = 1;
    return;
  }
  const script = isCheckout
    ? ['--conditions=fleetward-source', source]
    : [join(packageFolder, 'dist', 'main.js')];
  const child = spawn(node, [...process.execArgv, ...script, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; anything else comes here alone.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`error: cannot run \`${node}\`: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

/** The Node that npm links beside the other programs of the repository, looked for upwards. */
function pinnedNode(from) {
  const candidate = join(from, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
  if (existsSync(candidate)) return candidate;
  const above = dirname(from);
  return above === from ? undefined : pinnedNode(above);
}
