import { join } from 'node:path';
import { startProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { runs } from './fleet.ts';
import { openKeptFleet } from './kept-fleet.ts';

const program = ['--conditions=fleetward-source', join(import.meta.dirname, 'kill-entry.ts')];

test('kill -9 right after a pause and a cancellation were acknowledged: both hold, and nobody is started', async () => {
  using folder = temporaryFolder('fleetward-campaign-');
  const child = startProgram(process.execPath, [...program, folder.path]);
  await child.waitForOutput(/^cancelled /m);
  child.kill('SIGKILL');
  const { stdout, signal } = await child.outcome;
  expect(signal).toBe('SIGKILL');
  const [, paused = '', cancelled = ''] = /^paused (\S+)\ncancelled (\S+)$/m.exec(String(stdout)) ?? [];

  const { fleet, close } = await openKeptFleet(folder.path);
  for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
  const states = async () =>
    Promise.all([paused, cancelled].map(async (id) => (await fleet.campaigns.get(id)).state));
  expect(await states()).toEqual(['PAUSED', 'CANCELLED']);
  const waiting = async () => (await fleet.campaigns.get(paused)).counts.SCHEDULED ?? 0;
  const before = await waiting();
  expect(before).toBeGreaterThan(0);
  await fleet.tick(60_000, 10);
  expect([await waiting(), await states()]).toEqual([before, ['PAUSED', 'CANCELLED']]);
  expect(fleet.names.filter((name) => fleet.campaigns.offers.of(name) !== undefined)).toEqual([]);
  await close();
});
