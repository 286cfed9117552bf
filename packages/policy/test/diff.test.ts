import { expect, it } from 'vitest';
import { diffPolicies } from '../src/index.ts';
import { policyOf } from './random-policies.ts';

const allow = (...resources: readonly string[]) => ({
  Effect: 'Allow',
  Action: 'iot:Subscribe',
  Resource: resources.map((resource) => `arn:aws:iot:r:a:${resource}`),
});

it('lists a resource beside a wider one that counts only where a variable has a value', () => {
  const wide = allow(`client/\${iot:Connection.Thing.Attributes[p]}`, 'topicfilter/*');
  const narrow = allow(`topicfilter/\${iot:ClientId}`);
  const { additions, isExact } = diffPolicies([], [policyOf([wide, narrow])]);
  expect(isExact).toBe(true);
  expect(additions.map(({ pattern: { resources, when } }) => [...resources, ...when])).toEqual([
    ['arn:aws:iot:r:a:topicfilter/*', 'iot:Connection.Thing.Attributes[p] has a value'],
    [`arn:aws:iot:r:a:topicfilter/\${iot:ClientId}`],
  ]);
});
