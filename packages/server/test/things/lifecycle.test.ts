import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  assertTransition,
  type LifecycleState,
  lifecycleStates,
  maySpeak,
} from '../../src/things/lifecycle.ts';

function may(from: LifecycleState, to: LifecycleState): boolean {
  try {
    assertTransition(from, to);
    return true;
  } catch {
    return false;
  }
}

test('nothing leaves the scrap heap, everything can go there, and no state becomes itself', () => {
  for (const state of lifecycleStates) {
    expect(may('retired', state), state).toBe(false);
    expect(may(state, 'retired'), state).toBe(state !== 'retired');
    expect(may(state, state), state).toBe(false);
  }
});

test('whatever is done with a thing, it is never again what it was when it left the factory', () => {
  const steps = fc.array(fc.constantFrom(...lifecycleStates), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (wanted) => {
      let state: LifecycleState = 'manufactured';
      for (const to of wanted) {
        if (!may(state, to)) continue;
        state = to;
        expect(state).not.toBe('manufactured');
      }
    }),
  );
});

test('devices of every state speak but for two, and of one that is not known none does', () => {
  expect(lifecycleStates.filter(maySpeak)).toEqual(['manufactured', 'provisioned', 'active']);
  expect(maySpeak('unheard-of' as LifecycleState)).toBe(false);
});

test('a refusal says what the thing may become', () => {
  expect(() => assertTransition('quarantined', 'manufactured')).toThrow(
    'a thing that is `quarantined` does not become `manufactured`: it may become `provisioned`, `active`, `retired`',
  );
  expect(() => assertTransition('retired', 'active')).toThrow('it stays that for ever');
});
