import { describe, expect, it } from 'vitest';
import { compilePrincipal, POLICY_ACTIONS, PolicyError, parsePolicy } from '../src/index.ts';

const parse = (statement: object, binding: Parameters<typeof parsePolicy>[1] = 'unbound') =>
  parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statement }), binding).document;
const attached = (document: ReturnType<typeof parse>) =>
  ({ name: 'p', versionId: 1, document, via: 'certificate' }) as const;

describe('a compiled principal', () => {
  it('allows nothing without a policy', () => {
    const principal = compilePrincipal([], { clientId: 'a', thing: { name: 'a' } });
    for (const action of POLICY_ACTIONS) {
      expect(principal.allows(action, 'a')).toBe(false);
      expect(principal.denies(action, 'a')).toBe(false);
    }
  });

  it('refuses an unbound document without the region and account of the request', () => {
    const document = parse({ Effect: 'Allow', Action: 'iot:Publish', Resource: '*' });
    expect(() => compilePrincipal([attached(document)], {})).toThrow(PolicyError);
  });

  it('takes an unbound document for the region and account it names only', () => {
    const document = parse({
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: 'arn:aws:iot:eu-west-1:1:topic/a',
    });
    const at = (region: string) =>
      compilePrincipal([attached(document)], { binding: { region, accountId: '1' } });
    expect(at('eu-west-1').allows('iot:Publish', 'a')).toBe(true);
    expect(at('eu-west-2').allows('iot:Publish', 'a')).toBe(false);
  });

  it('says whether its answers can change with the time alone', () => {
    const timed = (operator: string, key: string, value: string) =>
      compilePrincipal(
        [
          attached(
            parse({
              Effect: 'Allow',
              Action: 'iot:Publish',
              Resource: '*',
              Condition: { [operator]: { [key]: value } },
            }),
          ),
        ],
        { clientId: 'a', binding: { region: 'r', accountId: '1' } },
      ).dependsOnTime;
    expect(timed('DateLessThan', 'aws:CurrentTime', '2030-01-01T00:00:00Z')).toBe(true);
    expect(timed('StringEquals', 'iot:ClientId', 'a')).toBe(false);
  });

  it('asks the time anew for each decision', () => {
    const principal = compilePrincipal(
      [
        attached(
          parse(
            {
              Effect: 'Allow',
              Action: 'iot:Publish',
              Resource: '*',
              Condition: { DateLessThan: { 'aws:CurrentTime': '1970-01-01T00:01:00Z' } },
            },
            { region: 'r', accountId: 'a' },
          ),
        ),
      ],
      {},
    );
    expect(principal.allows('iot:Publish', 'a', 59_000)).toBe(true);
    expect(principal.allows('iot:Publish', 'a', 60_000)).toBe(false);
    expect(principal.allows('iot:Publish', 'a')).toBe(false);
  });

  it('never takes a thing attribute for a property of the object prototype', () => {
    const resource = 'arn:aws:iot:*:*:topic/${iot:Connection.Thing.Attributes[constructor]}';
    const document = parse(
      { Effect: 'Deny', Action: 'iot:Publish', Resource: resource },
      { region: 'r', accountId: 'a' },
    );
    const decision = compilePrincipal([attached(document)], { thing: { name: 'a', attributes: {} } }).decide(
      'iot:Publish',
      'x',
    );
    expect(decision).toMatchObject({
      kind: 'explicitDeny',
      unresolved: ['iot:Connection.Thing.Attributes[constructor]'],
    });
  });
});
