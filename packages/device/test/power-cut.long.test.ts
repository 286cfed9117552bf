import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock, lostByPowerCut, needs, seededRandom, temporaryFolder } from '@fleetward/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { cutPatterns, ForgetfulDisk, PowerCut } from './forgetful-disk.ts';
import { type Behaviour, SimulatedDevice } from './simulated-device.ts';
import { TestRepository } from './test-repository.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());
const random = seededRandom(seed);
const imageOf = (version: string) => Buffer.from(`firmware ${version} `.repeat(50));

const patterns = cutPatterns(random);

let repository: TestRepository;
let firstRepository: TestRepository;

beforeAll(async () => {
  const clock = new FakeClock();
  firstRepository = await TestRepository.create(clock);
  await firstRepository.release(imageOf('1.0.0'));
  repository = await TestRepository.create(clock);
  await repository.release(imageOf('1.1.0'), { version: '1.1.0', securityVersion: 2 });
});

/** A device that runs the confirmed 1.0.0, with nothing in flight. */
async function deviceOnFirst(): Promise<ForgetfulDisk> {
  const disk = new ForgetfulDisk();
  expect(await new SimulatedDevice(disk, { repository: firstRepository }).pass()).toMatchObject({
    kind: 'confirmed',
  });
  disk.powerBack({ keep: [true], tear: 1, isZeroed: false });
  return disk;
}

async function stepsOf(behaviour: Behaviour): Promise<number> {
  const disk = await deviceOnFirst();
  const device = updating(disk, behaviour);
  device.boot();
  await device.pass();
  return disk.steps;
}

function updating(disk: ForgetfulDisk, behaviour: Behaviour): SimulatedDevice {
  return new SimulatedDevice(disk, {
    repository,
    behaviourOf: (version) => (version === '1.1.0' ? behaviour : 'healthy'),
  });
}

/** Cuts the power after so many steps; whether it came to that. */
async function passUntilCut(device: SimulatedDevice, cutAfter: number): Promise<boolean> {
  device.disk.cutAfter = cutAfter;
  device.disk.steps = 0;
  try {
    device.boot();
    await device.pass();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}

function expectBootable(device: SimulatedDevice): void {
  const plan = device.boot();
  if (plan.kind !== 'start') throw new Error(`bricked (seed ${seed}): ${plan.explanation}`);
  expect(['1.0.0', '1.1.0']).toContain(plan.version);
  expect(device.disk.read(plan.imagePath)).toEqual(imageOf(plan.version));
}

describe(`a power cut (seed ${seed})`, () => {
  test.each([
    ['healthy', '1.1.0'],
    ['unhealthy', '1.0.0'],
    ['dies', '1.0.0'],
  ] as const)(
    'at every step of an update to a %s image leaves a device that boots, and ends on %s',
    async (behaviour, ends) => {
      const steps = await stepsOf(behaviour);
      expect(steps).toBeGreaterThan(20);
      let cuts = 0;
      for (let cutAfter = 0; cutAfter <= steps; cutAfter++) {
        for (const pattern of patterns) {
          const device = updating(await deviceOnFirst(), behaviour);
          if (await passUntilCut(device, cutAfter)) cuts++;
          device.powerOff();
          device.disk.powerBack(pattern);
          expectBootable(device);
          await device.pass();
          await device.pass();
          device.powerOff();
          expect(device.boot()).toMatchObject({ kind: 'start', version: ends, isTrial: false });
        }
      }
      expect(cuts).toBe(steps * patterns.length); // the last round is the one without a cut
      process.stdout.write(`power cuts tried: ${cuts}, bricked: 0\n`); // one that was would have failed above
    },
    120_000,
  );

  test('twice in a row, the second while it recovers, leaves a device that boots', async () => {
    const steps = await stepsOf('unhealthy');
    for (let round = 0; round < 200; round++) {
      const [first = 0, second = 0, how = 0] = random.bytes(3);
      const device = updating(await deviceOnFirst(), 'unhealthy');
      for (const cutAfter of [first % steps, second % steps]) {
        await passUntilCut(device, cutAfter);
        device.powerOff();
        device.disk.powerBack(patterns[how % patterns.length]!);
      }
      expectBootable(device);
    }
  }, 60_000);

  test('at every boot of an image that never gets confirmed uses its attempts up and goes back', async () => {
    const device = updating(await deviceOnFirst(), 'healthy');
    const waiting = { ...settingsOfNoStarter, probe: async () => ({ kind: 'healthy' as const }) };
    await device.pass({ trial: waiting });
    const started: string[] = [];
    for (let boot = 0; boot < 5; boot++) {
      const plan = device.boot();
      started.push(plan.kind === 'start' ? plan.version : 'nothing');
      device.powerOff();
      device.disk.powerBack({ keep: [false], tear: 0, isZeroed: true });
    }
    expect(started).toEqual(['1.1.0', '1.1.0', '1.1.0', '1.0.0', '1.0.0']);
    expect(await device.pass()).toMatchObject({
      kind: 'rolled-back',
      to: '1.0.0',
      reason: 'attempts-used-up',
    });
  });
});

/** The agent's side of a device whose starter does not act. */
const settingsOfNoStarter = {
  settings: { startWithinMs: 2, pollMs: 1, probeTries: 1, probePauseMs: 1 },
  pause: async () => undefined,
  isAlive: () => false,
};

needs('strace', 'strace').describe('the order of system calls', () => {
  test.each([
    ['an identity', 'sdk/identity.ts', 'openIdentityFolder(folder)'],
    ['slots, telemetry and the note of a job', 'files/node-files.ts', 'nodeFiles.makeFolder(folder)'],
  ])('what a killed process left of %s is durable before it is told to anybody', async (_, path, open) => {
    using folder = temporaryFolder();
    const kept = folder.join('kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'named'), '');
    const source = new URL(`../src/${path}`, import.meta.url).href;
    const name = open.split(/[.(]/)[0];
    const script = `
      import { ${name} } from ${JSON.stringify(source)};
      const folder = ${JSON.stringify(kept)};
      ${open};
    `;
    const args = ['--input-type=module', '-e', script];
    expect(await lostByPowerCut(args, { folder: folder.path })).toEqual([]);
  });
});
