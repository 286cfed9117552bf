import { join } from 'node:path';
import { type RunningProgram, startProgram } from '@fleetward/testkit';
import type { Ports } from '../../src/listeners.ts';

const entry = join(import.meta.dirname, 'platform-entry.ts');

/** Settings of a platform that takes free ports on this machine alone. */
export function settingsOf(folder: string, over: object = {}): object {
  const names = ['mqtt', 'devices', 'public', 'operators'];
  const listeners = Object.fromEntries(names.map((name) => [name, { host: '127.0.0.1', port: 0 }]));
  return { folder, logLevel: 'warn', listeners, ...over };
}

/** Starts a step of the platform in a child process, with its clock so far ahead. */
export function startStep(step: 'init' | 'serve', settings: object, aheadMs = 0): RunningProgram {
  const args = ['--conditions=fleetward-source', entry, step, JSON.stringify(settings), `${aheadMs}`];
  return startProgram(process.execPath, args, { timeoutMs: 120_000 });
}

/** A serving child and its ports. */
export async function serve(
  settings: object,
  aheadMs = 0,
): Promise<{ readonly child: RunningProgram; readonly ports: Ports }> {
  const child = startStep('serve', settings, aheadMs);
  const said = await child.waitForOutput(/^\{"ports".*\n/m);
  const line = said.split('\n').find((text) => text.startsWith('{"ports"')) ?? '';
  return { child, ports: (JSON.parse(line) as { readonly ports: Ports }).ports };
}

/** Ends it as a power cut would, and waits until it is gone. */
export async function kill(child: RunningProgram): Promise<void> {
  child.kill('SIGKILL');
  await child.outcome;
}
