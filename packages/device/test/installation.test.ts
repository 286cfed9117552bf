import { FakeClock, seededRandom } from '@fleetward/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { InstallerAnswer, InstallerVerb } from '../src/installer/installer.ts';
import { cutPatterns, ForgetfulDisk, PowerCut } from './forgetful-disk.ts';
import { SimulatedDevice } from './simulated-device.ts';
import { SimulatedInstaller, type VersionBehaviour } from './simulated-installer.ts';
import { TestRepository } from './test-repository.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());
const image = Buffer.from('a bundle for the installer '.repeat(40));
const attemptsMax = 3;

let repository: TestRepository;

beforeAll(async () => {
  repository = await TestRepository.create(new FakeClock());
  await repository.release(image, { version: '1.1.0' });
});

/** A device that was shipped with 1.0.0 and an installer, and is offered 1.1.0. */
function newDevice(behaviour: VersionBehaviour = 'healthy', disk = new ForgetfulDisk()) {
  const device = new SimulatedDevice(disk, { repository });
  const installer = new SimulatedInstaller(disk, (version) => (version === '1.1.0' ? behaviour : 'healthy'));
  const settings = { startWithinMs: 2, pollMs: 1, probeTries: 2, probePauseMs: 1 };
  const probe = async () =>
    installer.isHealthy
      ? { kind: 'healthy' as const }
      : { kind: 'unhealthy' as const, explanation: 'it says so' };
  const trial = { settings, probe, pause: async () => undefined, isAlive: () => false };
  const pass = () => device.pass({ trial, installation: { installer, attemptsMax } });
  /** Passes until it is known how the update ended. */
  const settled = async () => {
    let outcome = await pass();
    for (let passes = 0; passes <= attemptsMax && outcome.kind === 'waiting'; passes++)
      outcome = await pass();
    return outcome;
  };
  return { disk, device, installer, pass, settled };
}

const failing = (explanation: string) => (): InstallerAnswer => ({ kind: 'failed', explanation });
const doing =
  (output = '') =>
  (): InstallerAnswer => ({ kind: 'done', output: Buffer.from(output) });

describe('an update through an installer', () => {
  test('is installed, switched to, probed, confirmed, and never twice', async () => {
    const { installer, pass, device } = newDevice();
    expect(await pass()).toEqual({ kind: 'confirmed', version: '1.1.0', from: undefined });
    expect(installer.asked.filter((verb) => verb !== 'status')).toEqual(['install', 'switch', 'confirm']);
    expect(installer.boot()).toBe('1.1.0');
    expect(await pass()).toEqual({ kind: 'current', version: '1.1.0' });
    expect(device.folder.readSlots()).toMatchObject({ state: { confirmed: 'a', securityFloor: 1 } });
  });

  test('to one that fails its health check goes back, and is not tried again', async () => {
    const { installer, pass } = newDevice('unhealthy');
    expect(await pass()).toMatchObject({
      kind: 'rolled-back',
      version: '1.1.0',
      to: '1.0.0',
      reason: 'health-check-failed',
    });
    expect(installer.boot()).toBe('1.0.0');
    expect(await pass()).toMatchObject({ kind: 'refused', reason: 'failed-before' });
  });

  test('to one that never comes up goes back after its attempts', async () => {
    const { installer, pass } = newDevice('does not boot');
    expect(await pass()).toMatchObject({
      kind: 'waiting',
      explanation: expect.stringMatching(/1\.0\.0 runs/),
    });
    expect(await pass()).toMatchObject({ kind: 'waiting' });
    expect(await pass()).toMatchObject({ kind: 'rolled-back', to: '1.0.0', reason: 'attempts-used-up' });
    expect(installer.asked.filter((verb) => verb === 'switch')).toHaveLength(attemptsMax);
    expect(installer.boot()).toBe('1.0.0');
  });

  test('is left alone where the device was shipped with that version or a newer one', async () => {
    const { installer, pass } = newDevice();
    installer.disk.create('/boot/a').write(Buffer.from('1.2.0'));
    expect(await pass()).toEqual({ kind: 'current', version: '1.2.0' });
    expect(installer.asked).toEqual(['status']);
  });
});

describe('an installer that fails, hangs or lies', () => {
  test.each<[string, InstallerVerb, () => InstallerAnswer, object]>([
    [
      'fails to install',
      'install',
      failing('no such partition'),
      { reason: 'installer-failed', explanation: 'no such partition' },
    ],
    [
      'fails to switch',
      'switch',
      failing('`switch` did not end within 9 ms'),
      { reason: 'installer-failed' },
    ],
    [
      'fails to confirm',
      'confirm',
      failing('read-only'),
      { reason: 'installer-failed', explanation: 'read-only' },
    ],
    ['says it installed and did not', 'install', doing(), { reason: 'attempts-used-up' }],
    ['says it switched and did not', 'switch', doing(), { reason: 'attempts-used-up' }],
    [
      'says 1.0.0 runs, whatever does',
      'status',
      doing('{"running":"1.0.0"}'),
      { reason: 'attempts-used-up' },
    ],
    [
      'never can for now',
      'install',
      () => ({ kind: 'again', explanation: 'busy' }),
      { explanation: 'tried 3 times: busy' },
    ],
  ])('that %s ends on the version that worked, and says why', async (_, verb, lie, why) => {
    const { installer, settled } = newDevice();
    installer.lies.set(verb, lie);
    expect(await settled()).toMatchObject({ kind: 'rolled-back', version: '1.1.0', to: '1.0.0', ...why });
    expect(installer.boot()).toBe('1.0.0');
  });

  test('that says 1.1.0 runs while 1.0.0 does is found out by the probe', async () => {
    const { installer, pass } = newDevice('does not boot');
    installer.lies.set('status', doing('{"running":"1.1.0"}'));
    const device = new SimulatedDevice(installer.disk, { repository });
    const settings = { startWithinMs: 2, pollMs: 1, probeTries: 2, probePauseMs: 1 };
    const asked: string[] = [];
    const probe = async (version: string) => {
      asked.push(version); // `FLEETWARD_VERSION` of a command that compares it with what runs
      return { kind: 'unhealthy' as const, explanation: 'what runs is 1.0.0' };
    };
    const trial = { settings, probe, pause: async () => undefined, isAlive: () => false };
    expect(await device.pass({ trial, installation: { installer, attemptsMax } })).toMatchObject({
      kind: 'current',
    });
    installer.lies.clear();
    installer.lies.set('switch', () => {
      installer.lies.set('status', doing('{"running":"1.1.0"}'));
      return { kind: 'done', output: new Uint8Array() };
    });
    const outcome = await device.pass({ trial, installation: { installer, attemptsMax } });
    expect(outcome).toMatchObject({
      kind: 'waiting',
      explanation: expect.stringMatching(/^health-check-failed.*go back/),
    });
    expect(asked).toEqual(['1.1.0', '1.1.0']);
    installer.lies.clear();
    expect(await pass()).toMatchObject({ kind: 'rolled-back', to: '1.0.0', reason: 'health-check-failed' });
  });

  test('that does not go back is asked at each pass until it has, and not for anything else', async () => {
    const { installer, pass } = newDevice('unhealthy');
    installer.lies.set('rollback', failing('`rollback` did not end within 60000 ms'));
    expect(await pass()).toMatchObject({
      kind: 'waiting',
      explanation: expect.stringMatching(/did not end/),
    });
    installer.lies.set('rollback', doing());
    expect(await pass()).toMatchObject({
      kind: 'waiting',
      explanation: expect.stringMatching(/1\.1\.0 runs/),
    });
    installer.lies.clear();
    installer.asked.length = 0;
    expect(await pass()).toMatchObject({ kind: 'rolled-back', to: '1.0.0', reason: 'health-check-failed' });
    expect(installer.asked).toEqual(['rollback', 'status']);
  });

  test('that answers nonsense for its status is given nothing to install', async () => {
    const { installer, pass } = newDevice();
    for (const nonsense of ['', '1.0.0', '[]', '{"running":7}', `{"running":"${'9'.repeat(5000)}"}`]) {
      installer.lies.set('status', doing(nonsense));
      expect(await pass()).toMatchObject({
        kind: 'refused',
        subject: 'installer',
        reason: 'installer-failed',
      });
    }
    expect(new Set(installer.asked)).toEqual(new Set(['status']));
  });

  test('that later lost what it confirmed is told of', async () => {
    const { installer, pass } = newDevice();
    await pass();
    installer.lies.set('status', doing('{"running":"1.0.0"}'));
    expect(await pass()).toMatchObject({
      kind: 'refused',
      reason: 'not-what-runs',
      explanation: expect.stringMatching(/^1\.1\.0 was confirmed/),
    });
  });

  test('is given no bytes that do not verify just then', async () => {
    const { installer, disk, pass } = newDevice();
    installer.lies.set('install', () => ({ kind: 'again', explanation: 'busy' }));
    await pass();
    installer.lies.clear();
    installer.asked.length = 0;
    disk.damage('/slots/a/image');
    expect(await pass()).toMatchObject({ kind: 'rolled-back', reason: 'image-not-verified' });
    expect(installer.asked).not.toContain('install');
  });
});

describe(`a power cut (seed ${seed})`, () => {
  const patterns = cutPatterns(seededRandom(seed));

  /** A disk with 1.1.0 downloaded and nothing of it installed: `power-cut.long.test.ts` cuts until there. */
  async function downloaded(): Promise<ForgetfulDisk> {
    const { disk, installer, pass } = newDevice();
    installer.lies.set('install', () => ({ kind: 'again', explanation: 'busy' }));
    expect(await pass()).toMatchObject({ kind: 'waiting' });
    disk.powerBack({ keep: [true], tear: 1, isZeroed: false });
    return disk;
  }

  test.each<[VersionBehaviour, string]>([
    ['healthy', '1.1.0'],
    ['unhealthy', '1.0.0'],
    ['does not boot', '1.0.0'],
  ])(
    'at every step of an update through an installer to a version that is or does: %s, ends on %s',
    async (behaviour, ends) => {
      const start = await downloaded();
      const whole = newDevice(behaviour, start.copy());
      await whole.settled();
      let cuts = 0;
      for (let cutAfter = 0; cutAfter < whole.disk.steps; cutAfter++) {
        for (const pattern of patterns) {
          const { disk, installer, settled } = newDevice(behaviour, start.copy());
          disk.cutAfter = cutAfter;
          await expect(settled()).rejects.toThrow(PowerCut);
          cuts++;
          disk.powerBack(pattern);
          expect(['1.0.0', '1.1.0']).toContain(installer.boot());
          await settled();
          expect(installer.boot(), `seed ${seed}, after ${cutAfter} steps`).toBe(ends);
        }
      }
      expect(cuts).toBeGreaterThan(150);
      process.stdout.write(`power cuts tried: ${cuts}, bricked: 0\n`); // one that was would have failed above
    },
  );
});
