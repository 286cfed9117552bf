import { describe, expect, it } from 'vitest';
import { COMPATIBILITY, type Compatibility } from '../src/compatibility.ts';
import { associateThing, compilePrincipal, parsePolicy } from '../src/index.ts';

const connects = {
  plain: { persistent: false },
  persistent: { persistent: true },
  'with a will': { persistent: false, willTopic: 'w' },
};

function mayConnect(
  connect: keyof typeof connects,
  condition: object | undefined,
  choice: Compatibility,
): boolean {
  const statement = {
    Effect: 'Allow',
    Action: ['iot:Connect', 'iot:Publish'],
    Resource: '*',
    ...(condition === undefined ? {} : { Condition: condition }),
  };
  const text = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
  const policy = { name: 'p', versionId: 1, via: 'certificate', document } as const;
  const principal = compilePrincipal([policy], { clientId: 'c', connect: connects[connect] }, choice);
  const isAllowed = principal.allows('iot:Connect', 'c');
  expect(principal.decide('iot:Connect', 'c').kind).toBe(isAllowed ? 'allow' : 'implicitDeny');
  // Other actions of the statement are none of its business.
  if (condition === undefined) expect(principal.allows('iot:Publish', 't')).toBe(true);
  return isAllowed;
}

describe('an Allow of Connect without a condition on iot:ConnectAttributes', () => {
  it('is chosen to admit every connect', () => {
    expect(COMPATIBILITY.unconditionalConnect).toBe('every-connect');
    for (const connect of ['plain', 'persistent', 'with a will'] as const)
      expect(mayConnect(connect, undefined, COMPATIBILITY), connect).toBe(true);
  });

  it('would admit plain clean connects only, were the other side chosen', () => {
    const other: Compatibility = { ...COMPATIBILITY, unconditionalConnect: 'plain-connects' };
    const every = {
      'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect', 'LastWill'] },
    };
    for (const connect of ['plain', 'persistent', 'with a will'] as const) {
      expect(mayConnect(connect, undefined, other), connect).toBe(connect === 'plain');
      expect(mayConnect(connect, every, other), connect).toBe(true);
    }
  });
});

describe('an exclusive attachment', () => {
  const attachments = [{ thingName: 'a', exclusive: true }];

  it('is chosen to associate whatever the client id', () => {
    expect(COMPATIBILITY.exclusiveAttachment).toBe('any-client-id');
    expect(associateThing(attachments, 'other')).toEqual({ kind: 'associated', thingName: 'a' });
  });

  it('would associate the thing’s own name only, were the other side chosen', () => {
    const other = { exclusiveAttachment: 'thing-name-only' } as const;
    expect(associateThing(attachments, 'other', other)).toEqual({ kind: 'unassociated' });
    expect(associateThing(attachments, 'a', other)).toEqual({ kind: 'associated', thingName: 'a' });
  });
});
