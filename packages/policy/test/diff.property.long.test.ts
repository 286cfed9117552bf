import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Addition,
  compilePrincipal,
  diffPolicies,
  type Patterns,
  type PolicyRequest,
} from '../src/index.ts';
import { ACTIONS, contexts, namesFor, policyOf, relative, statements } from './random-policies.ts';

const CONTEXTS = contexts();
const numRuns = Number(process.env.PROOF_RUNS ?? 30);

it('what a diff lists is exactly what the new policies allow and the old ones did not', {
  timeout: 180_000,
}, () => {
  let additions = 0;
  const pair = fc.tuple(statements('leveled'), statements('leveled'), fc.nat());
  fc.assert(
    fc.property(pair, ([one, fresh, turn]) => {
      const other = turn % 3 === 0 ? fresh : relative(one, fresh, turn);
      const [before, now] = [policyOf(one), policyOf(other)];
      const diff = diffPolicies([before], [now], { statesMax: 100_000 });
      if (!diff.isExact) return;
      additions += diff.additions.length;
      for (const context of CONTEXTS) {
        const [a, b] = [before, now].map((policy) => compilePrincipal([policy], context));
        for (const action of ACTIONS) {
          const listed = diff.additions
            .filter(({ actions }) => actions.includes(action))
            .map((one) => tester(one, context));
          for (const name of namesFor(action)) {
            if (action === 'iot:Connect' && context.clientId !== name) continue;
            const isNew = b!.allows(action, name) && !a!.allows(action, name);
            expect(listed.some((isAmong) => isAmong(action, name))).toBe(isNew);
          }
        }
      }
    }),
    { numRuns },
  );
  expect(additions).toBeGreaterThan(numRuns / 4);
});

type Test = (action: (typeof ACTIONS)[number], name: string) => boolean;

/** Whether a request is one of the addition's: read from nothing but what the addition says. */
function tester({ pattern, within, except }: Addition, context: PolicyRequest['context']): Test {
  const base = matcher(pattern, 'Allow', context);
  const inside = within === undefined ? () => true : matcher(within, 'Deny', context);
  const outside = except.map(({ effect, ...patterns }) => matcher(patterns, effect, context));
  return (action, name) =>
    base(action, name) && inside(action, name) && !outside.some((test) => test(action, name));
}

function matcher(
  { scope, resources, when }: Patterns,
  Effect: 'Allow' | 'Deny',
  context: PolicyRequest['context'],
): Test {
  const Condition: Record<string, Record<string, string>> = {};
  const present: string[] = [];
  for (const text of when) {
    const [operator = '', key = '', value = ''] = text.split(' ');
    if (text.endsWith(' has a value')) present.push(operator);
    else Condition[operator] = { [key]: value };
  }
  const statement = {
    Effect,
    Action: '*',
    [scope === 'only' ? 'Resource' : 'NotResource']: resources,
    Condition,
  };
  const alone = compilePrincipal([policyOf([statement])], context);
  // A pattern that needs a variable matches nothing without it: asked with a resource that only it is in.
  const has = present.every((name) => {
    const needs = {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: ['arn:aws:iot:r:a:topic/x', `arn:aws:iot:r:a:topic/y/\${${name}}`],
    };
    return compilePrincipal([policyOf([needs])], context).allows('iot:Publish', 'x');
  });
  return (action, name) => has && alone.decide(action, name).kind !== 'implicitDeny';
}
