import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compilePrincipal, leastStatement, type PolicyAction, parsePolicy } from '../src/index.ts';

const char = fc.constantFrom('a', 'b', '/', '+', '#', '*', '?', '$', '{', '(', '}', ')', '😀');
const name = fc
  .array(fc.oneof(char, fc.constant('dev1')), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''));
const action = fc.constantFrom<PolicyAction>(
  'iot:Connect',
  'iot:Publish',
  'iot:Subscribe',
  'iot:Receive',
  'iot:GetThingShadow',
);
const who = fc.constantFrom({}, { thing: 'dev1' }, { client: 'dev1' }, { thing: 'dev1', client: 'c+' });

it('the least statement allows what was denied, and nothing else that is asked', () => {
  fc.assert(
    fc.property(
      action,
      name,
      name,
      who,
      (asked, denied, other, { thing, client }: { thing?: string; client?: string }) => {
        const names = { ...(thing && { thingName: thing }), ...(client && { clientId: client }) };
        const Statement = leastStatement({ action: asked, name: denied, ...names });
        const text = JSON.stringify({ Version: '2012-10-17', Statement });
        const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
        const context = { ...(client && { clientId: client }), ...(thing && { thing: { name: thing } }) };
        const principal = compilePrincipal(
          [{ name: 'p', versionId: 1, via: 'certificate', document }],
          context,
        );
        expect(principal.allows(asked, denied)).toBe(true);
        expect(principal.allows(asked, other)).toBe(other === denied);
      },
    ),
    { numRuns: 2000 },
  );
});

it('the least statement of a connect under a wrong client id allows no third one, and under the thing’s name each its own', () => {
  const connect = (clientId: string, thingName?: string) =>
    leastStatement({ action: 'iot:Connect', name: clientId, clientId, ...(thingName && { thingName }) })
      .Resource;
  expect(connect('wrong')).toBe('arn:aws:iot:REGION:ACCOUNT_ID:client/wrong');
  expect(connect('pump', 'pump')).toBe(
    'arn:aws:iot:REGION:ACCOUNT_ID:client/${iot:Connection.Thing.ThingName}',
  );
});
