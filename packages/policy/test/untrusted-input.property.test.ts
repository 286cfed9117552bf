import { utf8 } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as documentFuzz from '../fuzz/document.fuzz.ts';
import * as requestFuzz from '../fuzz/request.fuzz.ts';
import { POLICY_BYTES_MAX, PolicyError, parsePolicy } from '../src/index.ts';

const words = fc.constantFrom(
  'Version',
  '2012-10-17',
  'Statement',
  'Effect',
  'Allow',
  'Deny',
  'Action',
  'iot:Publish',
  'iot:*',
  'Resource',
  '*',
  'NotResource',
  'arn:aws:iot:*:*:topic/${iot:ClientId}',
  'arn:aws:iot:*:*:?*',
  'Condition',
  'StringLike',
  'iot:ClientId',
  'ForAnyValue:StringEquals',
  'iot:ConnectAttributes',
  'Null',
  'true',
  '${',
  '$(',
  '\ud800',
  '__proto__',
  'constructor',
);
const json = fc.json({ maxDepth: 5, noUnicodeString: false });
const shaped = fc
  .letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      words,
      fc.boolean(),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(words, tie('value'), { maxKeys: 6 }),
  }))
  .object.map((value) => JSON.stringify(value));

describe.each([
  ['a policy document', documentFuzz],
  ['a request', requestFuzz],
])('%s', (_, { fuzz, seeds }) => {
  it('parses from every seed', () => {
    for (const seed of seeds) fuzz(seed);
    expect(seeds.length).toBeGreaterThan(0);
  });

  it('is accepted or refused with our own error, whatever the bytes are', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      json.map(utf8),
      shaped.map(utf8),
      damaged(seeds),
    );
    fc.assert(
      fc.property(anything, (input) => fuzz(input)),
      { numRuns: 2000 },
    );
  });
});

/** A seed with some bytes changed: deep enough to reach the inner parsers. */
function damaged(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 32, max: 126 }));
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([seed, changes]) => {
      const bytes = Uint8Array.from(seed);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });
}

describe('a document at the size limit', () => {
  const statement = { Effect: 'Allow', Action: 'iot:Publish', Resource: '*' };
  const padded = (bytes: number): string => {
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    return text + ' '.repeat(bytes - text.length);
  };

  it('is accepted', () => {
    expect(parsePolicy(padded(POLICY_BYTES_MAX), 'unbound').document.statements).toHaveLength(1);
  });

  it('is refused one byte above it', () => {
    expect(() => parsePolicy(padded(POLICY_BYTES_MAX + 1), 'unbound')).toThrow(PolicyError);
  });
});
