import { FakeClock, seededRandom } from '@fleetward/testkit';
import { instructionFilePath } from '@fleetward/updates';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildReport } from '../src/agent/report.ts';
import { cutPatterns, ForgetfulDisk, PowerCut } from './forgetful-disk.ts';
import { SimulatedAgent } from './simulated-agent.ts';
import { SimulatedDevice } from './simulated-device.ts';
import { edKey, TestRepository } from './test-repository.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());
const imageOf = (version: string) => Buffer.from(`firmware ${version} `.repeat(50));
const model = { product: 'lamp', hardware: 'lamp-r1' };

/** A device whose root names a director, on the confirmed 1.0.0; 1.1.0 and 1.2.0 are released. */
async function directedDevice() {
  const clock = new FakeClock();
  const repository = await TestRepository.create(clock, { isDirected: true });
  const device = new SimulatedDevice(new ForgetfulDisk(), { repository });
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await repository.release(imageOf(version), { version });
  await repository.instruct('1.0.0');
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
  return { clock, repository, device };
}

describe('an agent whose root names a director', () => {
  test('installs what it is instructed to have, not the highest, and nothing while it is to stay as it is', async () => {
    const { repository, device } = await directedDevice();
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.0.0' });
    await repository.instruct('1.1.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0', from: '1.0.0' });
    await repository.instruct();
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.1.0' });
  });

  test('goes back to an older version when it is instructed to, but never below its security floor', async () => {
    const { repository, device } = await directedDevice();
    await repository.instruct('1.2.0');
    await device.pass();
    await repository.instruct('1.1.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0', from: '1.2.0' });
    await repository.release(imageOf('1.3.0'), { version: '1.3.0', securityVersion: 2 });
    await repository.instruct('1.3.0');
    await device.pass();
    await repository.instruct('1.1.0');
    expect(await device.pass()).toMatchObject({ kind: 'refused', reason: 'below-security-floor' });
  });

  test('does not try again what failed on it, whatever it is instructed', async () => {
    const clock = new FakeClock();
    const repository = await TestRepository.create(clock, { isDirected: true });
    await repository.release(imageOf('1.0.0'));
    await repository.instruct('1.0.0');
    const device = new SimulatedDevice(new ForgetfulDisk(), { repository, behaviourOf: () => 'unhealthy' });
    expect(await device.pass()).toMatchObject({ kind: 'rolled-back' });
    await repository.instruct('1.0.0');
    expect(await device.pass()).toMatchObject({ kind: 'refused', reason: 'failed-before' });
  });

  test.each<[string, string, (world: Awaited<ReturnType<typeof directedDevice>>) => unknown]>([
    ['no-instruction', '5.4.4.6.1', ({ repository }) => repository.files.delete(instructionFilePath)],
    ['below-threshold', '5.4.4.6.3', ({ repository }) => repository.instruct('1.2.0', { signer: edKey() })],
    ['replayed', '5.4.4.6.4', ({ repository }) => repository.instruct('1.2.0', { number: 1 })],
    ['expired', '5.4.4.6.5', ({ clock }) => clock.advance(86_400_000)],
    [
      'not-for-this-device',
      '5.4.4.6.8',
      ({ repository }) => repository.instruct('1.2.0', { thingName: 'lamp-2' }),
    ],
  ])('refuses, and reports to its platform: %s', async (reason, clause, change) => {
    const world = await directedDevice();
    const { repository, device } = world;
    await change(world);
    if (reason === 'expired') await repository.release(imageOf('1.3.0'), { version: '1.3.0' }); // a timestamp that has not
    const outcome = await device.pass();
    expect(outcome).toMatchObject({ kind: 'refused', step: `Uptane ${clause}`, subject: 'director', reason });
    expect(buildReport(device.folder, { model, outcome, self: undefined, batteryPercent: 41 })).toMatchObject(
      {
        model,
        batteryPercent: 41,
        installed: { version: '1.0.0' },
        update: {
          outcome: 'refused',
          step: `Uptane ${clause}`,
          reason: expect.stringContaining(`director: ${reason}: `),
        },
      },
    );
    expect(device.boot()).toMatchObject({ kind: 'start', version: '1.0.0' });
  });

  test('refuses what the director and the image repository do not agree on', async () => {
    const { repository, device } = await directedDevice();
    await repository.instruct('1.2.0');
    await repository.release(Buffer.from('another 1.2.0'), { version: '1.2.0' });
    expect(await device.pass()).toMatchObject({ step: 'Uptane 5.4.4.2.10.2.1', reason: 'disagrees' });
  });

  test('replaces itself only when it is instructed to', async () => {
    const repository = await TestRepository.create(new FakeClock(), { isDirected: true });
    const agent = { component: 'agent', version: '7.0.0' } as const;
    await repository.release(Buffer.from('agent 7.0.0 '.repeat(50)), agent);
    await repository.instruct();
    const device = new SimulatedAgent(new ForgetfulDisk(), { repository });
    device.boot();
    expect((await device.turn()).slot).toBe('factory');
    await repository.instruct('7.0.0');
    await device.turn();
    await device.turn();
    expect(await device.turn()).toMatchObject({ version: '7.0.0' });
    expect(device.reports.at(-1)).toMatchObject({ version: '7.0.0' });
  });
});

describe(`a power cut under a director (seed ${seed})`, () => {
  const [lost, , , torn, , byChance] = cutPatterns(seededRandom(seed));
  let second: TestRepository;
  const onFirst = new ForgetfulDisk();
  const deviceOn = (disk: ForgetfulDisk) =>
    new SimulatedDevice(disk, { repository: second, isTrustOnDisk: true });

  beforeAll(async () => {
    second = await TestRepository.create(new FakeClock(), { isDirected: true });
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await second.release(imageOf(version), { version });
    await second.instruct('1.0.0');
    await deviceOn(onFirst).pass();
    await second.release(imageOf('1.3.0'), { version: '1.3.0' });
    await second.instruct('1.1.0');
  });

  async function passUntilCut(device: SimulatedDevice, cutAfter: number): Promise<void> {
    device.disk.cutAfter = cutAfter;
    device.disk.steps = 0;
    try {
      device.boot();
      await device.pass();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
  }

  test('at every write, those of the trusted metadata too, leaves a device that boots and follows its director alone', async () => {
    const whole = deviceOn(onFirst.copy());
    whole.boot();
    expect(await whole.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0' });
    const { steps } = whole.disk;
    const kept = [...Array(steps).keys()];
    expect(steps).toBeGreaterThan(40);
    for (const cutAfter of kept) {
      for (const pattern of [lost, torn, byChance]) {
        const device = deviceOn(onFirst.copy());
        await passUntilCut(device, cutAfter);
        device.powerOff();
        device.disk.powerBack(pattern!);
        const plan = device.boot();
        if (plan.kind !== 'start') throw new Error(`bricked after ${cutAfter} steps: ${plan.explanation}`);
        expect(['1.0.0', '1.1.0']).toContain(plan.version);
        expect(device.disk.read(plan.imagePath)).toEqual(imageOf(plan.version));
        await device.pass();
        await device.pass();
        device.powerOff();
        expect(device.boot(), `after ${cutAfter} steps`).toMatchObject({ version: '1.1.0', isTrial: false });
      }
    }
  }, 120_000);

  test('does not let an older instruction pass again once the newer one has led to a download', async () => {
    const now = second.files.get(instructionFilePath)!;
    const device = deviceOn(onFirst.copy());
    device.boot();
    await device.pass();
    device.powerOff();
    device.disk.powerBack(lost!);
    await second.instruct('1.0.0', { number: 1 });
    expect(await device.pass()).toMatchObject({ kind: 'refused', reason: 'replayed' });
    second.files.set(instructionFilePath, now);
    expect(await device.pass()).toEqual({ kind: 'current', version: '1.1.0' });
  });
});
