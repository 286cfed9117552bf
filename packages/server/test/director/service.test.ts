import { parseSha256, parseThingName, type Signer } from '@fleetward/core';
import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Director } from '../../src/director/index.ts';
import { newSigner } from '../releases/engineer.ts';

const dayMs = 86_400_000;
const [pump, fan] = [parseThingName('pump'), parseThingName('fan')];
const offerOf = (path: string) => ({ path, sha256: parseSha256('a'.repeat(64)), lengthBytes: 7 });
const settings = { validityMs: dayMs, signaturesPerSecondMax: 1000, keptMax: 100 };

function direct(change: Partial<typeof settings> & { readonly signer?: Signer } = {}) {
  const { signer = newSigner(), ...limits } = change;
  const clock = new FakeClock();
  const offers = new Map([[pump, offerOf('pump/1')]]);
  const offerFor = async (thingName: typeof pump) => offers.get(thingName);
  const director = new Director({ clock, signer, offerFor, settings: { ...settings, ...limits } });
  const ask = async (thingName = pump) =>
    JSON.parse(Buffer.from(await director.instructionFor(thingName)).toString());
  return { director, clock, offers, ask };
}

test('a thing is told its own offer and nothing else, under its own name', async () => {
  const { ask } = direct();
  expect((await ask()).signed).toMatchObject({
    _type: 'targets',
    targets: { 'pump/1': { length: 7, hashes: { sha256: 'a'.repeat(64) } } },
    'x-fleetward': { thingName: 'pump' },
  });
  expect((await ask(fan)).signed).toMatchObject({ targets: {}, 'x-fleetward': { thingName: 'fan' } });
});

test('the same is given again until the offer changes or half of its life is over', async () => {
  const { director, clock, offers, ask } = direct();
  const first = await ask();
  clock.advance(dayMs / 2 - 1000);
  expect(await ask()).toEqual(first);
  offers.set(pump, offerOf('pump/2'));
  const second = await ask();
  expect(second.signed.version).toBeGreaterThan(first.signed.version);
  offers.delete(pump);
  expect((await ask()).signed).toMatchObject({ version: second.signed.version + 1, targets: {} });
  clock.advance(dayMs / 2);
  expect((await ask()).signed.version).toBe(Math.floor(clock.now() / 1000));
  expect(director.counts).toMatchObject({ asked: 5, signed: 4 });
});

test('versions of one thing only go up, whatever the clock does', async () => {
  const step = fc.record({
    byMs: fc.integer({ min: -10_000, max: 10_000 }),
    path: fc.constantFrom('a', 'b', 'c'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { clock, offers, ask } = direct();
      let last = await ask();
      for (const { byMs, path } of steps) {
        clock.advance(byMs);
        offers.set(pump, offerOf(path));
        const next = await ask();
        const isSame = JSON.stringify(next) === JSON.stringify(last);
        expect(isSame || next.signed.version > last.signed.version).toBe(true);
        expect(Object.keys(next.signed.targets)).toEqual([path]);
        last = next;
      }
    }),
    { numRuns: 30 },
  );
});

test('those who ask at once for one thing cost one signature', async () => {
  const { director } = direct();
  const answers = await Promise.all(Array.from({ length: 20 }, () => director.instructionFor(pump)));
  expect(new Set(answers).size).toBe(1);
  expect(director.counts.signed).toBe(1);
});

test('signatures a second are bounded for all together, and whoever is told to wait gets it later', async () => {
  const { director, clock, ask } = direct({ signaturesPerSecondMax: 1 });
  await ask();
  await expect(ask(fan)).rejects.toMatchObject({ code: 'director.busy' });
  expect(await ask()).toBeDefined(); // what is kept costs nothing
  clock.advance(1000);
  expect(await ask(fan)).toBeDefined();
  expect(director.counts.signaturesPerSecondMax).toBe(1);
});

test('what is kept is bounded: the oldest is signed anew', async () => {
  const { director, ask } = direct({ keptMax: 1 });
  await ask();
  await ask(fan);
  expect(director.keptCount).toBe(1);
  await ask();
  expect(director.counts.signed).toBe(3);
});

test('a key that does not sign costs one answer, which is not kept', async () => {
  const good = newSigner();
  let isBroken = true;
  const sign = (message: Uint8Array) =>
    isBroken ? Promise.reject(new Error('no answer')) : good.sign(message);
  const { director, ask } = direct({ signer: { ...good, sign } });
  await expect(ask()).rejects.toThrow('no answer');
  isBroken = false;
  expect((await ask()).signed.targets).toHaveProperty('pump/1');
  expect(director.counts).toMatchObject({ failed: 1, signed: 1 });
});
