import { parseCertificateId } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NetworkChanges } from '../../src/detections/network-changes.ts';
import { isAlternating, isConcurrent, responseOf, type Seen } from '../../src/detections/rules.ts';

const limits = { windowMs: 900, returnsMax: 4 };
const certificateId = parseCertificateId('ab'.repeat(32));

/** A connection a step, 50 apart, from the networks of the letters. */
function walk(networks: string, stepMs = 50): readonly Seen[] {
  return [...networks].map((network, at) => ({ atMs: at * stepMs, network, clientId: 'c' }));
}

function judge(seen: readonly Seen[]): boolean {
  return isAlternating(seen, seen.at(-1)?.atMs ?? 0, limits);
}

/** Written from the words of the rule, with nothing kept between steps: look at every connection and at all before it. */
function oracle(seen: readonly Seen[]): boolean {
  const nowMs = seen.at(-1)!.atMs;
  const within = seen.filter(({ atMs }) => nowMs - atMs <= limits.windowMs);
  const runs = within.filter(({ network }, at) => at === 0 || within[at - 1]!.network !== network);
  const returns = runs.filter(({ network }, at) => runs.slice(0, at).some((one) => one.network === network));
  return returns.length >= limits.returnsMax && new Set(returns.map(({ network }) => network)).size >= 2;
}

const step = fc.record({ network: fc.constantFrom('A', 'B', 'C', 'D'), waitMs: fc.nat(400) });

function seenOf(steps: readonly { readonly network: string; readonly waitMs: number }[]): readonly Seen[] {
  let atMs = 0;
  return steps.map(({ network, waitMs }) => {
    atMs += waitMs;
    return { network, atMs, clientId: 'c' };
  });
}

describe('the rule on alternating networks', () => {
  test.each([
    ['ABABAB', true, 'two devices that take the session from each other'],
    ['AABBAABBAABB', true, 'the same, where each connects twice'],
    ['ABCABCABC', true, 'three devices'],
    ['AAAAAAAAAA', false, 'a device that connects again and again'],
    ['ABCDEFGHIJ', false, 'a device that roams'],
    ['ABACADAEAF', false, 'a device that comes back to its home alone'],
    ['ABA', false, 'a fail-over and its end'],
    ['ABAB', false, 'two of them'],
  ])('%s: %s, %s', (networks, expected) => {
    expect(judge(walk(networks))).toBe(expected);
  });

  test('forgets what is older than its window', () => {
    expect(judge(walk('ABABAB', 300))).toBe(false);
  });

  test('says of any sequence what its words say', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const seen = seenOf(steps);
        expect(judge(seen)).toBe(oracle(seen));
      }),
      { numRuns: 2_000 },
    );
  });

  test('says the same of the changes that are kept as of every connection', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const kept = new NetworkChanges({ certificatesMax: 10 });
        const seen = seenOf(steps);
        const changes = seen
          .map((one) => kept.add(certificateId, { ...one, remoteAddress: one.network }))
          .at(-1)!;
        expect(judge(changes)).toBe(oracle(seen));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('two at once', () => {
  const connect: Seen = { atMs: 0, network: 'A', clientId: 'one' };
  test.each([
    ['another client elsewhere', { clientId: 'two', network: 'B' }, true],
    ['another client of the same network', { clientId: 'two', network: 'A' }, false],
    ['the same client from where it was before', { clientId: 'one', network: 'B' }, false],
  ])('%s: %o', (_, live, expected) => {
    expect(isConcurrent(connect, [live])).toBe(expected);
  });
});

test('of the responses of its groups a thing has the strictest, and without any the one for all', () => {
  const responses = [
    { groupName: 'lab', response: 'off' },
    { groupName: 'meters', response: 'refuse' },
    { groupName: 'safes', response: 'quarantine' },
  ] as const;
  const of = (...groups: readonly string[]) => responseOf(groups, { response: 'alert', responses });
  expect([of(), of('other'), of('lab')]).toEqual(['alert', 'alert', 'off']);
  expect([of('lab', 'meters'), of('meters', 'safes')]).toEqual(['refuse', 'quarantine']);
});

test('who has not connected for longest is forgotten first, and counted', () => {
  const kept = new NetworkChanges({ certificatesMax: 2 });
  const ids = ['aa', 'bb', 'cc'].map((byte) => parseCertificateId(byte.repeat(32)));
  const seen = { ...walk('A')[0]!, remoteAddress: '192.0.2.1' };
  for (const id of [ids[0]!, ids[1]!, ids[0]!, ids[2]!]) kept.add(id, seen);
  expect(kept.forgotten).toBe(1);
  expect(kept.add(ids[0]!, { ...seen, network: 'B' })).toHaveLength(2);
  expect(kept.add(ids[1]!, { ...seen, network: 'B' })).toHaveLength(1);
});
