import { temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { nodeFiles } from '../src/files/node-files.ts';
import { openSlotFolder } from '../src/slots/folder.ts';
import { nextSlots, type SlotEvent } from '../src/slots/rules.ts';
import { emptySlots, type SlotsState } from '../src/slots/state.ts';
import { defaultStarterSettings } from '../src/starter/settings.ts';
import { WakeUp } from '../src/starter/wake-up.ts';
import { watchProgram } from '../src/starter/watch-program.ts';

const sha256 = 'a'.repeat(64);
const image = (version: string) => ({ version, sha256, lengthBytes: 1, securityVersion: 1 });
const forEver = { pid: 1, ended: new Promise<never>(() => undefined), stop: () => forEver.ended };

function after(state: SlotsState, ...events: readonly SlotEvent[]): SlotsState {
  return events.reduce((before, event) => {
    const next = nextSlots(before, event);
    if (next.kind === 'illegal') throw new Error(next.explanation);
    return next.state;
  }, state);
}

test('a switch right after the starter looked at the slots is seen when it looks again', async () => {
  using folder = temporaryFolder();
  const slots = openSlotFolder(nodeFiles, folder.join('slots'));
  const running = after(emptySlots, { kind: 'installed', image: image('1.0.0') }, { kind: 'confirmed' });
  const switched = after(running, { kind: 'installed', image: image('2.0.0') });
  slots.writeSlots(running);
  let looks = 0;
  const readSlots = () => {
    const read = slots.readSlots();
    looks++;
    if (looks === 1) slots.writeSlots(switched);
    return read;
  };
  const stop = new AbortController();
  const giveUp = setTimeout(() => stop.abort(), 2_000);
  const { end } = await watchProgram(forEver, {
    folder: { ...slots, readSlots },
    plan: {
      ...{ kind: 'start', generation: running.generation, slot: 'a', imagePath: slots.imagePath('a') },
      ...{ sha256, version: '1.0.0', isTrial: false },
    },
    settings: { ...defaultStarterSettings, command: [], pollMs: 5 },
    stop: stop.signal,
    wakeUp: new WakeUp(),
    log: () => undefined,
  });
  clearTimeout(giveUp);
  expect(end).toBe('replaced');
});
