import { setImmediate as nextTurn } from 'node:timers/promises';
import { FakeClock } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { TurnClock } from '../../src/gateway/turn-clock.ts';

test('the time stands still within a turn of the event loop, and is right again in the next', async () => {
  const clock = new FakeClock(1_000);
  const turnClock = new TurnClock(clock);
  expect(turnClock.now()).toBe(1_000);
  clock.advance(500);
  expect(turnClock.now()).toBe(1_000);
  await nextTurn();
  expect(turnClock.now()).toBe(1_500);
});
