import { expect, it } from 'vitest';
import { parsePolicy, proveAtMost, proveNever } from '../src/index.ts';

/** Nobody connects under the name of its thing: only what is attached to it exclusively can do that. */
const notAsItself = parsePolicy(
  JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Action: 'iot:Connect',
      NotResource: 'arn:aws:iot:r:a:client/${iot:Connection.Thing.ThingName}',
    },
  }),
  { region: 'r', accountId: 'a' },
).document;
const policies = [{ name: 'p', versionId: 1, via: 'certificate', document: notAsItself } as const];

it('a thing that is attached exclusively connects under another client id, though no policy names the client id', () => {
  const proof = proveNever(policies, { action: 'connect', resource: 'a' });
  expect(proof).toMatchObject({
    verdict: 'no',
    counterExample: {
      requests: [{ decision: 'allow', context: { clientId: 'a', thing: { exclusive: true } } }],
    },
  });
  const nothing = { ...policies[0]!, document: { ...notAsItself, statements: [] } };
  expect(proveAtMost(policies, [nothing])).toMatchObject({ verdict: 'no' });
});
