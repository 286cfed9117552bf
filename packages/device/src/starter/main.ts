#!/usr/bin/env node
// The starter: small, on Node alone, and separate from the agent, so that it works when the agent is broken.
import { realpathSync } from 'node:fs';
import { createFolderDurably } from '@fleetward/core/durable-file';
import { nodeFiles } from '../files/node-files.ts';
import { openSlotFolder } from '../slots/folder.ts';
import { asksForHelp, parseStarterArguments, type StarterArguments, starterUsage } from './arguments.ts';
import { lockFolder } from './lock.ts';
import { endOrphans } from './orphans.ts';
import { runStarter } from './run.ts';
import { WakeUp } from './wake-up.ts';

function log(line: string): void {
  process.stderr.write(`starter: ${line}\n`);
}

async function main({ folder: given, settings }: StarterArguments): Promise<void> {
  createFolderDurably(given);
  const path = realpathSync(given); // one name for the lock and for orphans
  if (!(await lockFolder(path))) {
    log(`another starter runs for \`${path}\`: stop it first, or give another folder`);
    process.exitCode = 1;
    return;
  }
  const orphans = endOrphans(path);
  if (orphans > 0) log(`ended ${orphans} left by an earlier starter`);
  const stop = new AbortController();
  const wakeUp = new WakeUp();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  stop.signal.addEventListener('abort', () => wakeUp.call());
  process.on('SIGHUP', () => wakeUp.requestRestart());
  const folder = openSlotFolder(nodeFiles, path);
  await runStarter({ folder, settings, environment: process.env, log, stop: stop.signal, wakeUp });
}

const parsed = parseStarterArguments(process.argv.slice(2));
if (asksForHelp(process.argv.slice(2))) {
  process.stdout.write(starterUsage);
} else if (typeof parsed === 'string') {
  process.stderr.write(`fleetward-starter: ${parsed}\n\n${starterUsage}`);
  process.exitCode = 2;
} else {
  await main(parsed);
}
