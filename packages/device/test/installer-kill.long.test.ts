import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enroll } from '../src/sdk/enroll.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

const bundler = join(import.meta.dirname, '../../../tools/bundle-agent.ts');
/** More than an update has; the rounds end with the first one that has no such moment. */
const momentsMax = 80;
const passesMax = 5;

/**
 * Two partitions that are files. At its nth moment it kills the agent and itself, with all that either started, once; a moment is
 * before and after all that an installer changes, and in the midst of an image.
 */
const installer = `#!/bin/sh
set -eu
cd "$DEVICE"
moment() {
  count=$(($(cat moments) + 1))
  echo $count >moments
  if [ $count = "$KILL_AT" ]; then kill -9 $PPID; kill -9 -$$; fi
}
set_to() { moment; echo "$2" >"$1.new"; moment; mv "$1.new" "$1"; moment; }
running=$(cat running)
other=a; [ "$running" = b ] || other=b
moment
case $1 in
  install)
    [ ! -e full ] || exec cat "$FLEETWARD_IMAGE" >/dev/full
    head -c 100 "$FLEETWARD_IMAGE" >$other; moment
    cat "$FLEETWARD_IMAGE" >$other; moment ;;
  switch) set_to running $other ;;
  confirm) set_to keep "$running" ;;
  rollback) if [ "$(head -n 1 "$running")" = "$FLEETWARD_VERSION" ]; then set_to keep $other; set_to running $other; fi ;;
  status) echo "{\\"running\\":\\"$(head -n 1 "$running")\\"}" ;;
esac
`;

let shipped: TemporaryFolder;
beforeAll(() => {
  shipped = temporaryFolder();
  execFileSync(process.execPath, [bundler, shipped.join('agent.mjs')]);
  writeFileSync(shipped.join('installer'), installer, { mode: 0o755 });
});
afterAll(() => shipped.remove());

const imageOf = (version: string, health: string) =>
  Buffer.from(`${version}\n${health}\n${'.'.repeat(5_000)}\n`);

/** A device that was shipped with 1.0.0, with the agent as a process. */
async function newDevice(folder: TemporaryFolder, platform: TestPlatform) {
  const { url, rootPem: trust, joinToken } = platform;
  platform.joinTokens.add(joinToken);
  const identity = { url, trust, joinToken, name: 'lamp-1', clock: Date };
  await enroll({ ...identity, folder: folder.join('identity') });
  const files = { running: 'a\n', keep: 'a\n', a: imageOf('1.0.0', 'healthy'), b: '', moments: '0\n' };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(folder.join(name), bytes);
  writeFileSync(folder.join('root.json'), platform.releaseRoot);
  const isHealthy = 'grep -qx healthy "$DEVICE/$(cat "$DEVICE/running")"';
  const settings = {
    url,
    identityFolder: folder.join('identity'),
    trustedFolder: folder.join('trusted'),
    rootFile: folder.join('root.json'),
    slotsFolder: folder.join('slots'),
    product: 'lamp',
    hardware: 'lamp-r1',
    probe: { kind: 'command', command: ['/bin/sh', '-c', isHealthy] },
    installer: { command: [shipped.join('installer')] },
    trial: { probeTries: 2, probePauseMs: 10, startWithinMs: 20 },
    limits: { reserveBytes: 1 },
  };
  writeFileSync(folder.join('agent.json'), JSON.stringify(settings));
  return {
    /** What it came to; nothing when it was killed. */
    pass: async (killAt = 0): Promise<{ readonly kind: string } | undefined> => {
      const environment = { PATH: process.env.PATH, DEVICE: folder.path, KILL_AT: String(killAt) };
      const args = [shipped.join('agent.mjs'), '--config', folder.join('agent.json'), '--once'];
      const { stdout, signal, stderr } = await runProgram(process.execPath, args, { environment });
      if (signal === 'SIGKILL') return undefined;
      if (stdout.length === 0) throw new Error(stderr);
      return JSON.parse(stdout.toString());
    },
    running: () => readFileSync(folder.join(readFileSync(folder.join('running'), 'utf8').trim())),
    keep: () => readFileSync(folder.join('keep'), 'utf8').trim(),
  };
}

describe('kill -9 of the agent with all it started, through an installer', () => {
  test.each([
    ['healthy', '1.1.0', ['confirmed', 'up-to-date']],
    ['unhealthy', '1.0.0', ['rolled-back', 'refused']],
  ] as const)(
    'at every moment of an update to a version that is %s, ends on %s, with a report',
    async (health, ends, outcomes) => {
      await using platform = await TestPlatform.start(await TestRepository.create());
      await platform.repository.release(imageOf('1.1.0', health), { version: '1.1.0' });
      const works = [imageOf('1.0.0', 'healthy'), imageOf('1.1.0', health)];
      let killed = 0;
      for (let moment = 1; moment <= momentsMax; moment++) {
        using folder = temporaryFolder();
        const device = await newDevice(folder, platform);
        let outcome = await device.pass(moment);
        const isKilled = outcome === undefined;
        if (isKilled) killed++;
        const when = `killed at moment ${moment}`;
        expect(works, when).toContainEqual(device.running());
        for (let left = passesMax; left > 0 && ['waiting', undefined].includes(outcome?.kind); left--)
          outcome = await device.pass();
        expect(device.running().toString().split('\n')[0], when).toBe(ends);
        expect(device.keep(), when).toBe(ends === '1.1.0' ? 'b' : 'a');
        const { update } = platform.reports.at(-1) as { update: { outcome: string; reason?: string } };
        expect(outcomes, when).toContain(update.outcome);
        if (update.outcome === 'refused') expect(update.reason).toMatch(/failed-before/);
        if (!isKilled) break;
      }
      expect(killed).toBeGreaterThanOrEqual(15);
      expect(killed).toBeLessThan(momentsMax);
      process.stdout.write(`kills through an installer: ${killed}, bricked: 0\n`); // one that was would have failed above
    },
    300_000,
  );

  test('a disk that is full for the installer ends on the version that worked, and the report says why', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await platform.repository.release(imageOf('1.1.0', 'healthy'), { version: '1.1.0' });
    using folder = temporaryFolder();
    const device = await newDevice(folder, platform);
    writeFileSync(folder.join('full'), '');
    expect(await device.pass()).toMatchObject({
      kind: 'rolled-back',
      to: '1.0.0',
      reason: 'installer-failed',
      explanation: expect.stringMatching(/No space left on device/),
    });
    expect(device.running()).toEqual(imageOf('1.0.0', 'healthy'));
    expect(platform.reports.at(-1)).toMatchObject({
      update: { outcome: 'rolled-back', reason: expect.stringMatching(/installer-failed.*No space left/) },
    });
  });
});
