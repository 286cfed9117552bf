import { compareVersions } from '@fleetward/updates';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freshNotes } from '../src/slots/boot-notes.ts';
import { formatSlots, parseSlots } from '../src/slots/parse-slots.ts';
import { nextSlots, type SlotEvent, slotForInstall } from '../src/slots/rules.ts';
import { emptySlots, isOnTrial, rejectedMax, type SlotsState } from '../src/slots/state.ts';
import { startRule } from '../src/starter/rules.ts';

const sha256 = fc.integer({ min: 0, max: 40 }).map((n) => n.toString(16).padStart(64, '0'));
const event: fc.Arbitrary<SlotEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('installed' as const),
    image: fc.record({
      version: fc.constantFrom('1.0.0', '1.1.0', '2.0.0'),
      sha256,
      lengthBytes: fc.nat(),
      securityVersion: fc.nat(6),
    }),
  }),
  fc.constant({ kind: 'confirmed' as const }),
  fc.record({ kind: fc.constant('failed' as const), reason: fc.constant('health-check-failed') }),
);

/** All states that a list of events leads through; illegal ones change nothing. */
function statesAfter(events: readonly SlotEvent[]): readonly SlotsState[] {
  const states = [emptySlots];
  for (const one of events) {
    const transition = nextSlots(states.at(-1)!, one);
    if (transition.kind === 'next') states.push(transition.state);
  }
  return states;
}

const history = fc.array(event, { maxLength: 60 }).map(statesAfter);

describe('the decision table of the slots', () => {
  test('allows exactly these events: on trial confirm or fail, else install', () => {
    fc.assert(
      fc.property(history, event, (states, one) => {
        const state = states.at(-1)!;
        const isLegal = nextSlots(state, one).kind === 'next';
        if (one.kind !== 'installed') return isLegal === isOnTrial(state);
        const { image } = one;
        const isRejected = state.rejected.some((rejected) => rejected.sha256 === image.sha256);
        return isLegal === (!isOnTrial(state) && !isRejected && image.securityVersion >= state.securityFloor);
      }),
    );
  });

  test('never touches the confirmed image but by confirming another, never lowers the floor', () => {
    fc.assert(
      fc.property(history, (states) => {
        for (const [index, after] of states.entries()) {
          const before = states[index - 1] ?? emptySlots;
          expect(after.securityFloor).toBeGreaterThanOrEqual(before.securityFloor);
          expect(after.rejected.length).toBeLessThanOrEqual(rejectedMax);
          if (before.confirmed === undefined) continue;
          expect(after.confirmed).toBeDefined();
          expect(after.slots[before.confirmed]).toEqual(before.slots[before.confirmed]);
        }
      }),
    );
  });

  test('changes the generation with the active slot, and never installs over the confirmed one', () => {
    fc.assert(
      fc.property(history, (states) => {
        for (const [index, after] of states.entries()) {
          const before = states[index - 1] ?? emptySlots;
          if (after.active !== before.active) expect(after.generation).toBe(before.generation + 1);
          expect(slotForInstall(after)).not.toBe(after.confirmed);
          if (isOnTrial(after)) expect(slotForInstall(after)).not.toBe(after.confirmed);
        }
      }),
    );
  });

  test('makes only states that the starter reads back', () => {
    fc.assert(
      fc.property(history, (states) => {
        for (const state of states) expect(parseSlots(JSON.parse(formatSlots(state)))).toEqual(state);
      }),
    );
  });
});

describe("the starter's rule", () => {
  const notes = fc.record({
    attempts: fc.nat(5),
    givenUp: fc.option(fc.constant({ reason: 'not-started' as const, explanation: '' }), { nil: undefined }),
  });

  test('always offers the confirmed slot, the trial first and only while it has attempts, nothing below the floor', () => {
    fc.assert(
      fc.property(history, notes, (states, noted) => {
        const state = states.at(-1)!;
        const given = { ...freshNotes(state.generation), ...noted };
        const rule = startRule(state, { notes: given, attemptsMax: 3 });
        const mayTry = isOnTrial(state) && noted.givenUp === undefined;
        expect(rule.kind).toBe(mayTry && noted.attempts >= 3 ? 'give-up' : 'try');
        if (rule.kind === 'give-up') return;
        expect(rule.candidates[0]?.isTrial ?? false).toBe(mayTry);
        expect(rule.candidates.filter(({ isTrial }) => isTrial)).toHaveLength(mayTry ? 1 : 0);
        const proven = rule.candidates.filter(({ isTrial }) => !isTrial);
        if (state.confirmed !== undefined) expect(proven[0]?.slot).toBe(state.confirmed);
        for (const { image, isTrial } of rule.candidates) {
          expect(image.securityVersion).toBeGreaterThanOrEqual(state.securityFloor);
          expect(isTrial || image.isProven).toBe(true);
        }
      }),
    );
  });
});

describe('the order of versions', () => {
  test('is that of SemVer', () => {
    // https://semver.org/#spec-item-11
    const rising = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
    ];
    const all = [...rising, '1.0.0-rc.1', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '2'];
    for (const [i, a] of all.entries()) {
      for (const [j, b] of all.entries()) expect(Math.sign(compareVersions(a, b)!)).toBe(Math.sign(i - j));
    }
    expect(compareVersions('1.0', '1.0.0+build.5')).toBe(0);
    expect(compareVersions('latest', '1.0.0')).toBeUndefined();
  });

  test('is antisymmetric and transitive', () => {
    const number = fc.nat(3).map(String);
    const version = fc
      .tuple(
        fc.array(number, { minLength: 1, maxLength: 3 }),
        fc.option(fc.constantFrom('a', '1', 'a.1', 'b', '2')),
      )
      .map(([numbers, pre]) => numbers.join('.') + (pre === null ? '' : `-${pre}`));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const order = (x: string, y: string) => Math.sign(compareVersions(x, y)!);
        expect(order(a, b) + order(b, a)).toBe(0);
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
