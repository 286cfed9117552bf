import { describe, expect, test } from 'vitest';
import {
  type AttachedPolicy,
  findDead,
  parsePolicy,
  proveAtMost,
  proveNever,
  proveNoCrossDevice,
} from '../src/index.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID';

function policy(...statements: readonly object[]): readonly AttachedPolicy[] {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  return [{ name: 'p', versionId: 1, via: 'certificate', document: parsePolicy(text, 'unbound').document }];
}

function publish(Effect: 'Allow' | 'Deny', ...topics: readonly string[]): object {
  return { Effect, Action: 'iot:Publish', Resource: topics.map((topic) => `${arn}:topic/${topic}`) };
}

const statesMax = 50_000;

describe('a proof is bounded', { timeout: 120_000 }, () => {
  test('by what it may make, also where each `?` doubles the states', () => {
    const hard = policy(
      ...[20, 21, 22].map((count) => publish('Allow', `*a${'?'.repeat(count)}*`)),
      publish('Deny', `*b${'?'.repeat(23)}`),
    );
    const limit = policy(publish('Allow', `*c${'?'.repeat(24)}*`, '*a?????????????????????b?'));
    const { verdict, summary, states } = proveAtMost(limit, hard, { statesMax });
    expect([verdict, summary.startsWith('undecided: too large')]).toEqual(['undecided', true]);
    // One state more than allowed may be made, and one state costs at most what its patterns are long.
    expect(states).toBeLessThan(statesMax * 1.1);
  });

  test('with `*a*a*a…` in every statement', () => {
    const hard = policy(
      publish('Allow', `${'*a'.repeat(900)}x`),
      publish('Deny', `${'*a'.repeat(900)}`),
      publish('Allow', `${'*aa'.repeat(600)}*`),
    );
    for (const proof of [proveNoCrossDevice(hard, { statesMax }), proveAtMost(hard, hard, { statesMax })])
      expect(proof.states).toBeLessThan(statesMax * 1.1);
    expect(findDead(hard, { statesMax }).states).toBeLessThan(statesMax * 1.1);
    expect(
      proveNever(hard, { action: 'publish', resource: '*b*c*d*'.repeat(100) }, { statesMax }).states,
    ).toBeLessThan(statesMax * 1.1);
  });

  test('with a condition on each of many attributes', () => {
    const conditioned = Array.from({ length: 40 }, (_, index) => ({
      ...publish('Allow', `a/${index}`),
      Condition: { StringEquals: { [`iot:Connection.Thing.Attributes[k${index}]`]: 'v' } },
    }));
    const proof = proveAtMost(policy(...conditioned), policy(...conditioned.slice(1)), { statesMax });
    expect(proof.states).toBeLessThan(statesMax * 1.1);
    expect(proof.verdict).not.toBe('yes');
  });
});

describe('a proof refuses', () => {
  const some = policy(publish('Allow', 'a'));

  test.for([
    ['an action there is not', { action: 'fly', resource: 'a' }],
    ['a resource with a variable', { action: 'publish', resource: '${iot:ClientId}' }],
    ['a resource that is too long', { action: 'publish', resource: 'a'.repeat(5_000) }],
    ['half of a surrogate pair', { action: 'publish', resource: '\ud800' }],
  ] as const)('%s', ([, question]) => {
    expect(() => proveNever(some, question)).toThrow(expect.objectContaining({ code: 'policy.request' }));
  });

  test('topics and variables it cannot read', () => {
    const refused = expect.objectContaining({ code: 'policy.request' });
    expect(() => proveNoCrossDevice(some, { shared: ['${iot:ClientId}/*'] })).toThrow(refused);
    expect(() => proveNoCrossDevice(some, { unique: ['iot:Nothing'] })).toThrow(refused);
  });
});

test('characters outside the basic plane are one character each', () => {
  const one = policy(publish('Allow', 'a/?'));
  const other = policy(publish('Allow', 'a/*'), publish('Deny', 'a/😀'));
  const proof = proveAtMost(one, other);
  expect(proof.counterExample?.requests[0]?.resource).toMatch(/topic\/a\/😀$/u);
});
