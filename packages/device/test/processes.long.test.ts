import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningProgram, seededRandom, startProgram } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { agentProgram } from '../src/programs.ts';
import { exists, firmware, RealDevice } from './real-device.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());

describe('the agent and the starter as programs', () => {
  test('install and confirm a release of 8 MB, go back from bad ones, refuse a tampered one, and report', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const { repository } = platform;
    const starter = device.startStarter();

    await repository.release(firmware('1.0.0'));
    expect(await device.checkOnce()).toEqual({ kind: 'confirmed', version: '1.0.0' });
    expect(await device.runningVersion()).toBe('1.0.0');
    expect(platform.reports.at(-1)).toMatchObject({
      protocolVersion: 3,
      installed: { version: '1.0.0', securityVersion: 1 },
      update: { outcome: 'confirmed', version: '1.0.0' },
    });

    await repository.release(firmware('1.1.0', { status: 500 }), { version: '1.1.0' });
    expect(await device.checkOnce()).toMatchObject({ kind: 'rolled-back', version: '1.1.0', to: '1.0.0' });
    expect(await device.runningVersion()).toBe('1.0.0');
    expect(platform.reports.at(-1)).toMatchObject({
      installed: { version: '1.0.0' },
      update: { outcome: 'rolled-back', version: '1.1.0', reason: expect.stringMatching(/answered 500/) },
    });

    await repository.release(firmware('1.2.0', { dies: true }), { version: '1.2.0' });
    expect(await device.checkOnce()).toMatchObject({
      kind: 'rolled-back',
      reason: 'died-before-confirmation',
      explanation: 'it ended with code 7',
    });
    expect(await device.runningVersion()).toBe('1.0.0');

    const output = await starter.waitForOutput(/giving 1\.2\.0 up/);
    const goneBack = output.slice(output.lastIndexOf('giving 1.2.0 up'));
    expect(goneBack.match(/started 1\.0\.0/g)).toHaveLength(1); // that it failed was noted without a restart

    const path = await repository.release(firmware('1.3.0'), { version: '1.3.0' });
    const image = repository.files.get(path)!;
    repository.files.set(path, firmware('1.3.1'));
    expect(await device.checkOnce()).toMatchObject({
      kind: 'refused',
      step: '5.7.3',
      reason: 'hash-mismatch',
    });
    expect(platform.reports.at(-1)).toMatchObject({ update: { outcome: 'refused', step: 'TUF 5.7.3' } });
    repository.files.set(path, image);
    expect(await device.checkOnce()).toMatchObject({ kind: 'confirmed', version: '1.3.0', from: '1.0.0' });
    expect(await device.runningVersion()).toBe('1.3.0');

    await starter.stop();
    expect(await device.isSilent()).toBe(true);
  }, 120_000);

  test('go on with a download that broke, from where it stopped', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    device.startStarter();
    await platform.repository.release(firmware('1.0.0'));
    platform.breakAfterBytes = 3_000_000;
    expect(await device.checkOnce()).toMatchObject({ kind: 'unreachable' });
    expect(await device.checkOnce()).toMatchObject({ kind: 'unreachable' });
    expect(await device.checkOnce()).toEqual({ kind: 'confirmed', version: '1.0.0' });
    const starts = platform.ranges.map((range) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(starts[0]).toBe(0);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(starts.at(-1)).toBeGreaterThan(4_000_000);
  }, 60_000);

  test('leave one starter a folder, and say what is wrong with a command line', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const first = device.startStarter();
    await first.waitForOutput(/nothing to start/);
    expect((await device.startStarter().outcome).stderr).toMatch(/^starter: another starter runs[^\n]*\n$/);
    const wrong = await device.startStarter('--attempts-max', '0').outcome;
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/--attempts-max/);
  });

  test('say what belongs into the settings that the agent cannot read, in one line', async () => {
    const agent = startProgram(process.execPath, [
      '--conditions=fleetward-source',
      agentProgram,
      '--config',
      '/nonexistent/agent.json',
    ]);
    const { code, stderr } = await agent.outcome;
    expect(stderr).toMatch(
      /^agent: device\.config_invalid: `\/nonexistent\/agent\.json` cannot be read \(ENOENT\)[^\n]*`url`.*`probe`: see docs[^\n]*\n$/,
    );
    expect(code).toBe(1);
  });

  test('tell the platform why no pass succeeds, and go on once it can', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const slots = device.folder.join('slots/slots.json');
    mkdirSync(device.folder.join('slots'));
    writeFileSync(slots, 'no longer JSON');
    device.startAgent();
    const newest = () => platform.reports.at(-1);
    const reason = expect.stringMatching(/pass-failed: .*slots\.json/);
    await expect.poll(newest, { timeout: 20_000 }).toMatchObject({
      update: { outcome: 'refused', step: 'device', reason },
    });
    rmSync(slots);
    await expect.poll(newest, { timeout: 20_000 }).toMatchObject({ update: { outcome: 'up-to-date' } });
  });

  test("turn to the factory's image when what was confirmed keeps dying, and back", async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const poison = device.folder.join('poison');
    const check = `if (require('node:fs').existsSync(${JSON.stringify(poison)})) process.exit(3);\n`;
    const factory = device.folder.join('factory.js');
    writeFileSync(
      factory,
      `${check.replace('if (', 'if (!')}${Buffer.from(firmware('0.9.0', { bytes: 1 }))}`,
    );
    const image = Buffer.from(`${check}${Buffer.from(firmware('1.0.0', { bytes: 1 }))}`);
    const starter = device.startStarter('--factory', factory, '--attempts-max', '2');
    await platform.repository.release(image);
    expect(await device.checkOnce()).toMatchObject({ kind: 'confirmed' });
    writeFileSync(poison, '');
    starter.kill('SIGHUP');
    await starter.waitForOutput(/factory's image instead: 1\.0\.0 died 2 times in a row\n.*started factory/);
    expect(await device.runningVersion()).toBe('0.9.0');
    rmSync(poison);
    starter.kill('SIGHUP');
    // After the turn to the factory: the first image has replaced it too.
    await starter.waitForOutput(/image instead[\s\S]*factory is replaced[\s\S]*started 1\.0\.0/);
    expect(await device.runningVersion()).toBe('1.0.0');
  }, 60_000);

  test('restart the program on SIGHUP', async () => {
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const starter = device.startStarter();
    await platform.repository.release(firmware('1.0.0', { bytes: 10 }));
    await device.checkOnce();
    starter.kill('SIGHUP');
    await starter.waitForOutput(/is replaced[\s\S]*started 1\.0\.0/);
    expect(await device.runningVersion()).toBe('1.0.0');
  });

  test(`killed at random moments, end on a version that verifies and works (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    await using platform = await TestPlatform.start(await TestRepository.create());
    await using device = await RealDevice.create(platform);
    const released = ['1.0.0'];
    await platform.repository.release(firmware('1.0.0'));
    const first = device.startStarter();
    expect(await device.checkOnce()).toMatchObject({ kind: 'confirmed' });
    await killAll([first]);
    for (let round = 1; round <= 6; round++) {
      const version = `1.${round}.0`;
      released.push(version);
      await platform.repository.release(firmware(version), { version });
      const programs = [device.startStarter('--attempts-max', '100'), device.startAgent()];
      const [high = 0, low = 0, which = 0] = random.bytes(3);
      await pause(200 + ((high * 256 + low) % 2500));
      await killAll(which % 2 === 0 ? programs : programs.toReversed());
      const starter = device.startStarter('--attempts-max', '100');
      await starter.waitForOutput(/started/);
      expect(released).toContain(await device.runningVersion());
      await killAll([starter]);
    }
    const starter = device.startStarter('--attempts-max', '100');
    for (let passes = 0; passes < 4; passes++) {
      const outcome = await device.checkOnce();
      if (outcome.kind === 'current') break;
    }
    expect(await device.runningVersion()).toBe(released.at(-1));
    await starter.stop();
    expect(await device.isSilent()).toBe(true);
  }, 120_000);
});

/** `kill -9`, and waits until they are gone; what they started lives on and keeps their output open. */
async function killAll(programs: readonly RunningProgram[]): Promise<void> {
  for (const program of programs) program.kill();
  while (programs.some(({ pid }) => exists(pid))) await pause(10);
}
