import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trailDetails } from '../src/nouns/trail-details.ts';

const id = 'ab'.repeat(32);

test('who did it and what it was about are told apart, with long ids cut', () => {
  const actor = { kind: 'operator', operatorId: 'ada' };
  const payload = { certificateId: id, from: 'ACTIVE', to: 'INACTIVE', reason: 'seen twice' };
  expect(trailDetails(JSON.stringify({ actor, payload }))).toEqual({
    who: 'operator ada',
    details: 'certificateId=abababababababab… from=ACTIVE to=INACTIVE reason=seen twice',
  });
  const system = { actor: { kind: 'system' }, payload: { thingNames: ['a', 'b'], count: 2 } };
  expect(trailDetails(JSON.stringify(system))).toEqual({
    who: 'system',
    details: 'thingNames=["a","b"] count=2',
  });
});

test('an erased payload is called so, and what is no payload of ours is shown as it is', () => {
  expect(trailDetails(undefined)).toEqual({ who: '', details: '(erased)' });
  expect(trailDetails('{"actor":1}')).toEqual({ who: '', details: '{"actor":1}' });
});

test('nothing that a platform sends makes it fail', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void trailDetails(text)));
});
