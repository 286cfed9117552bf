import { FakeClock, seededRandom } from '@fleetward/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { cutPatterns, ForgetfulDisk, PowerCut } from './forgetful-disk.ts';
import { type AgentBehaviour, SimulatedAgent } from './simulated-agent.ts';
import { TestRepository } from './test-repository.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());
const random = seededRandom(seed);
const patterns = cutPatterns(random);
const imageOf = (version: string) => Buffer.from(`agent ${version} `.repeat(50));
/** More than any update takes, a failed one and its report included. */
const turnsMax = 6;

let first: TestRepository;
let second: TestRepository;
const onFirst = new ForgetfulDisk();

beforeAll(async () => {
  const clock = new FakeClock();
  const agent = { component: 'agent' } as const;
  first = await TestRepository.create(clock);
  await first.release(imageOf('1.0.0'), agent);
  expect(await settled(firstTime(onFirst))).toBe('1.0.0');
  onFirst.powerBack({ keep: [true], tear: 1, isZeroed: false });
  second = await TestRepository.create(clock);
  await second.release(imageOf('2.0.0'), { ...agent, version: '2.0.0', securityVersion: 2 });
});

const updating = (disk: ForgetfulDisk, behaviour: AgentBehaviour) =>
  new SimulatedAgent(disk, {
    repository: second,
    behaviourOf: (version) => (version === '2.0.0' ? behaviour : 'works'),
  });
const firstTime = (disk: ForgetfulDisk) => new SimulatedAgent(disk, { repository: first });

/** A device on agent 1.0.0 from a slot, with nothing in flight. */
const deviceOnFirst = () => onFirst.copy();

/** Turn after turn, as many as an update needs; what runs then, relied on. */
async function settled(device: SimulatedAgent): Promise<string> {
  let plan = device.boot();
  for (let turn = 0; turn < turnsMax; turn++) plan = await device.turn();
  device.powerOff();
  const next = device.boot();
  expect(next).toMatchObject({ version: plan.version, isTrial: false });
  return next.version;
}

async function stepsOf(device: SimulatedAgent): Promise<number> {
  device.disk.steps = 0;
  await settled(device);
  return device.disk.steps;
}

/** Cuts the power after so many steps; whether it came to that. */
async function turnsUntilCut(device: SimulatedAgent, cutAfter: number): Promise<boolean> {
  device.disk.cutAfter = cutAfter;
  device.disk.steps = 0;
  try {
    await settled(device);
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  } finally {
    device.powerOff();
  }
}

/** The starter finds an agent to run, and its bytes are those of its version. */
function expectAgent(device: SimulatedAgent, versions: readonly string[]): void {
  const plan = device.boot();
  expect(versions, `seed ${seed}`).toContain(plan.version);
  if (plan.slot !== 'factory') expect(device.disk.read(plan.imagePath)).toEqual(imageOf(plan.version));
  device.powerOff();
}

describe(`a power cut while the agent replaces itself (seed ${seed})`, () => {
  test.each([
    ['works', '2.0.0'],
    ['dies', '1.0.0'],
    ['hangs', '1.0.0'],
    ['is cut off', '1.0.0'],
  ] as const)(
    'by one that %s, at every step, leaves an agent in a slot to start, and ends on %s',
    async (behaviour, ends) => {
      const steps = await stepsOf(updating(deviceOnFirst(), behaviour));
      expect(steps).toBeGreaterThan(20);
      let cuts = 0;
      for (let cutAfter = 0; cutAfter <= steps; cutAfter++) {
        for (const pattern of patterns) {
          const device = updating(deviceOnFirst(), behaviour);
          if (await turnsUntilCut(device, cutAfter)) cuts++;
          device.disk.powerBack(pattern);
          expectAgent(device, ['1.0.0', '2.0.0']);
          expect(await settled(device), `seed ${seed}, after ${cutAfter} steps`).toBe(ends);
        }
      }
      expect(cuts).toBe(steps * patterns.length); // the last round is the one without a cut
      process.stdout.write(`power cuts tried: ${cuts}, bricked: 0\n`); // one that was would have failed above
    },
    120_000,
  );

  test('by the first one from a release, at every step, leaves that or the one it was shipped with', async () => {
    const steps = await stepsOf(firstTime(new ForgetfulDisk()));
    for (let cutAfter = 0; cutAfter <= steps; cutAfter++) {
      for (const pattern of patterns) {
        const device = firstTime(new ForgetfulDisk());
        await turnsUntilCut(device, cutAfter);
        device.disk.powerBack(pattern);
        expectAgent(device, ['factory', '1.0.0']);
        expect(await settled(device)).toBe('1.0.0');
      }
    }
  }, 120_000);

  test('at every boot of one that never proves itself uses its attempts up and goes back', async () => {
    const device = updating(deviceOnFirst(), 'hangs');
    device.boot();
    await device.turn(); // 1.0.0 installs 2.0.0, and the starter starts it
    const started = Array.from({ length: 4 }, () => {
      device.powerOff();
      device.disk.powerBack({ keep: [false], tear: 0, isZeroed: true });
      return device.boot().version;
    });
    expect(started).toEqual(['2.0.0', '2.0.0', '1.0.0', '1.0.0']);
    await device.turn();
    expect(device.reports.at(-1)).toMatchObject({
      version: '1.0.0',
      outcome: { kind: 'rolled-back', version: '2.0.0', to: '1.0.0', reason: 'attempts-used-up' },
    });
  });
});
