// A program for the kill test of campaigns: `kill-entry.ts FOLDER`. Two campaigns run; one is paused and one cancelled, and it says when.
import { setImmediate } from 'node:timers/promises';
import { ada, runs } from './fleet.ts';
import { openKeptFleet } from './kept-fleet.ts';

const { fleet } = await openKeptFleet(process.argv[2] ?? '');
for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
const slow = { baseRatePerMinute: 6, incrementFactor: 1, maximumPerMinute: 6 };
const ids: string[] = [];
for (const releasePath of ['pump-2.0.0.bin', 'pump-2.1.0.bin']) {
  const { campaignId } = await fleet.create({ rate: slow }, { releasePath });
  await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
  ids.push(campaignId);
}
await fleet.tick(10_000, 4);
const [paused = '', cancelled = ''] = ids;
for (;;) {
  // Whatever is acknowledged, more is on its way to the disk.
  const more = fleet.tick(10_000);
  if (fleet.trail.every(({ payload }) => payload.state !== 'PAUSED')) {
    await fleet.campaigns.change({ campaignId: paused, event: 'pause' }, ada);
    process.stdout.write(`paused ${paused}\n`);
    await fleet.campaigns.change({ campaignId: cancelled, event: 'cancel' }, ada);
    process.stdout.write(`cancelled ${cancelled}\n`);
  }
  await more;
  await setImmediate();
}
