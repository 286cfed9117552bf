import { FakeClock } from '@fleetward/testkit';
import { instructionFilePath } from '@fleetward/updates';
import { describe, expect, test } from 'vitest';
import type { CheckOutcome } from '../src/agent/outcome.ts';
import { buildReport } from '../src/agent/report.ts';
import { ForgetfulDisk } from './forgetful-disk.ts';
import { SimulatedDevice } from './simulated-device.ts';
import { TestRepository } from './test-repository.ts';

const dayMs = 86_400_000;
const timestampPath = 'metadata/timestamp.json';

/** A device on the confirmed 1.0.0, its repository, and a clock that both go by; 1.1.0 is out. */
async function newDevice() {
  const clock = new FakeClock();
  const repository = await TestRepository.create(clock, { isDirected: true });
  const device = new SimulatedDevice(new ForgetfulDisk(), { repository });
  await repository.release(Buffer.from('firmware 1.0.0'));
  await repository.instruct('1.0.0');
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
  const imagePath = await repository.release(Buffer.from('firmware 1.1.0'), { version: '1.1.0' });
  await repository.instruct('1.1.0');
  return { device, repository, clock, imagePath };
}

/** What the platform is told of a pass. */
const reported = (device: SimulatedDevice, outcome: CheckOutcome) =>
  buildReport(device.folder, {
    model: { product: 'lamp', hardware: 'lamp-r1' },
    outcome,
    self: undefined,
  });

/** The version that worked is installed, starts after a power cut, and the report says why there is no other. */
function expectUnharmed(device: SimulatedDevice, outcome: CheckOutcome, reason: RegExp): void {
  expect(reported(device, outcome)).toMatchObject({
    installed: { version: '1.0.0' },
    update: { reason: expect.stringMatching(reason) },
  });
  device.powerOff();
  expect(device.boot()).toMatchObject({ kind: 'start', version: '1.0.0', isTrial: false });
}

describe('a clock', () => {
  test('at 1970, or set back, revives no expired metadata', async () => {
    const { device, clock } = await newDevice();
    clock.advance(2 * dayMs);
    const expired = await device.pass();
    expectUnharmed(device, expired, /timestamp: expired: it expired at/);
    for (const setTo of [0, Date.parse('2026-01-01T12:00:00Z')]) {
      clock.set(setTo);
      expectUnharmed(device, await device.pass(), /timestamp: expired: it expired at/);
    }
  });

  test('at 1970 keeps no good release from a device, and lets no older metadata pass for new', async () => {
    const { device, repository, clock } = await newDevice();
    const newest = repository.files.get(timestampPath)!;
    clock.set(0);
    expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.1.0', from: '1.0.0' });
    clock.set('2026-01-01T01:00:00Z');
    await repository.release(Buffer.from('firmware 1.2.0'), { version: '1.2.0' });
    await repository.instruct('1.2.0');
    expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.2.0' });
    clock.set(0);
    repository.files.set(timestampPath, newest);
    expect(await device.pass()).toMatchObject({ kind: 'refused', step: '5.4.3.1', reason: 'rollback' });
  });

  test('ten years ahead stops updates only until it is right again', async () => {
    const { device, clock } = await newDevice();
    clock.advance(3650 * dayMs);
    expectUnharmed(device, await device.pass(), /expired: it expired at/);
    clock.advance(-3650 * dayMs);
    expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.1.0', from: '1.0.0' });
  });
});

describe('a server that answers nonsense', () => {
  const nonsense: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', Buffer.alloc(0)],
    ['a page', Buffer.from('<html><body>Sign in to this network</body></html>')],
    ['bytes', Buffer.from(Array.from({ length: 999 }, (_, at) => (at * 167) % 256))],
    ['null', Buffer.from('null')],
    ['a list', Buffer.from('[]')],
    ['other JSON', Buffer.from('{"signed":{"_type":"timestamp","version":-1},"signatures":"none"}')],
    ['JSON without end', Buffer.from('['.repeat(5000))],
  ];

  test.each(nonsense)('(%s) changes nothing, whatever was asked for', async (_, bytes) => {
    const { device, repository, imagePath } = await newDevice();
    const newest = (role: string) =>
      [...repository.files.keys()].findLast((path) => path.endsWith(`.${role}.json`))!;
    // In the order that they are asked for: what was accepted once is not asked for again.
    const metadata = ['metadata/2.root.json', timestampPath, newest('snapshot'), newest('targets')];
    const paths = [...metadata, instructionFilePath, imagePath];
    for (const path of paths) {
      const honest = repository.files.get(path);
      repository.files.set(path, bytes);
      const outcome = await device.pass();
      expect(outcome, path).toMatchObject({ kind: 'refused', step: expect.stringMatching(/\d/) });
      expectUnharmed(device, outcome, /./);
      if (honest === undefined) repository.files.delete(path);
      else repository.files.set(path, honest);
    }
    expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.1.0', from: '1.0.0' });
  });
});
