import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrincipal, type PolicyAction, type PrincipalContext, parsePolicy } from '../src/index.ts';
import { type ReferenceStatement, referenceDecision } from './reference.ts';

const BINDING = { region: 'r', accountId: 'a' };
const ACTIONS = ['iot:Connect', 'iot:Publish', 'iot:Receive', 'iot:Subscribe', 'iot:GetThingShadow'] as const;
const VARIABLES = ['iot:ClientId', 'iot:Connection.Thing.ThingName', 'iot:DomainName'] as const;

// A small alphabet, so that patterns and names meet often; one character outside the basic plane.
const char = fc.constantFrom('a', 'b', '/', '+', '#', '😀', '$x');
const name = fc.array(char, { maxLength: 6 }).map((chars) => chars.join(''));
const piece = fc.oneof(
  { weight: 5, arbitrary: char },
  fc.constantFrom('*', '?', '**', '$(*)', '${?}', '${$}'),
  fc.constantFrom(...VARIABLES).map((variable) => `\${${variable}}`),
);
const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
const type = fc.constantFrom(
  'client/',
  'topic/',
  'topicfilter/',
  'thing/',
  'topic*',
  't*',
  '*',
  '??????',
  'topic?*',
);
const resource = fc.oneof(
  { weight: 1, arbitrary: fc.constant('arn:aws:iot:r:a:*') },
  { weight: 8, arbitrary: fc.tuple(type, pattern).map(([kind, tail]) => `arn:aws:iot:r:a:${kind}${tail}`) },
);
const resources = fc.array(resource, { minLength: 1, maxLength: 3 });

const key = fc.constantFrom(...VARIABLES);
const textOperator = fc
  .tuple(
    fc.constantFrom('', 'ForAllValues:', 'ForAnyValue:'),
    fc.constantFrom('StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'),
    fc.constantFrom('', 'IfExists'),
  )
  .map((parts) => parts.join(''));
const condition = fc.oneof(
  fc.tuple(textOperator, key, fc.array(pattern, { minLength: 1, maxLength: 2 })),
  fc.tuple(fc.constant('Null'), key, fc.constantFrom(['true'], ['false'], ['true', 'false'])),
  fc.tuple(
    fc.constantFrom('ForAllValues:StringEquals', 'ForAnyValue:StringEquals', 'ForAnyValue:StringNotEquals'),
    fc.constant('iot:ConnectAttributes'),
    fc.subarray(['PersistentConnect', 'LastWill']),
  ),
);

const statement: fc.Arbitrary<ReferenceStatement> = fc
  .record({
    Effect: fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const),
    Action: fc.oneof(fc.constantFrom('iot:*', '*'), fc.subarray([...ACTIONS], { minLength: 1 })),
    scope: fc.tuple(fc.constantFrom('Resource', 'Resource', 'NotResource'), resources),
    conditions: fc.array(condition, { maxLength: 2 }),
  })
  .map(({ Effect, Action, scope: [member, entries], conditions }) => {
    const Condition: Record<string, Record<string, readonly string[]>> = {};
    for (const [operator, conditionKey, values] of conditions)
      Condition[operator] = { [conditionKey]: values };
    return { Effect, Action, [member]: entries, Condition };
  });

const optionalName = fc.option(fc.oneof(name, fc.constantFrom('a', 'b', 'ab')), { nil: undefined });
const principal = fc.record({
  clientId: optionalName,
  thing: optionalName,
  domain: optionalName,
  persistent: fc.boolean(),
  will: fc.boolean(),
});

describe('the compiled engine', () => {
  it('answers as the reference evaluator does, for random documents and requests', () => {
    let allowed = 0;
    fc.assert(
      fc.property(
        fc.array(statement, { minLength: 1, maxLength: 5 }),
        principal,
        fc.array(fc.tuple(fc.constantFrom(...ACTIONS), name), { minLength: 8, maxLength: 8 }),
        (statements, who, requests) => {
          const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
          const document = parsePolicy(text, BINDING).document;
          const policy = { name: 'p', versionId: 1, via: 'certificate', document } as const;
          const compiled = compilePrincipal([policy], contextOf(who));
          for (const [action, asked] of requests) {
            const expected = referenceDecision(statements, { action, name: asked, ...referenceContext(who) });
            const decision = compiled.decide(action satisfies PolicyAction, asked);
            expect(decision.kind).toBe(expected);
            expect(compiled.allows(action, asked)).toBe(expected === 'allow');
            expect(compiled.denies(action, asked)).toBe(expected === 'explicitDeny');
            if (expected === 'allow') allowed++;
          }
        },
      ),
      { numRuns: 2000 },
    );
    // A generator that never allows would prove nothing.
    expect(allowed).toBeGreaterThan(100);
  });
});

type Who = typeof principal extends fc.Arbitrary<infer Value> ? Value : never;

function contextOf({ clientId, thing, domain, persistent, will }: Who): PrincipalContext {
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(thing === undefined ? {} : { thing: { name: thing } }),
    ...(domain === undefined ? {} : { domainName: domain }),
    connect: { persistent, ...(will ? { willTopic: 'w' } : {}) },
  };
}

function referenceContext({ clientId, thing, domain, persistent, will }: Who) {
  const variables: Record<string, string> = {};
  if (clientId !== undefined) variables['iot:ClientId'] = clientId;
  if (thing !== undefined) variables['iot:Connection.Thing.ThingName'] = thing;
  if (domain !== undefined) variables['iot:DomainName'] = domain;
  const connect = [...(persistent ? ['PersistentConnect'] : []), ...(will ? ['LastWill'] : [])];
  return { variables, connect };
}
