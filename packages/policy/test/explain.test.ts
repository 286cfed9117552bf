import { describe, expect, it } from 'vitest';
import {
  compilePrincipal,
  explainDecision,
  type PolicyAction,
  type PrincipalContext,
  parsePolicy,
} from '../src/index.ts';

const ARN = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const THING = '${iot:Connection.Thing.ThingName}';
const CONNECT = { Sid: 'Connect', Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/${THING}` };
const PUBLISH = {
  Effect: 'Allow',
  Action: 'iot:Publish',
  Resource: `${ARN}topic/telemetry/${THING}/${THING}`,
};
const DEVICE: PrincipalContext = { clientId: 'dev1', thing: { name: 'dev1' } };

function principal(statements: readonly object[], context: PrincipalContext = DEVICE) {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
  return compilePrincipal([{ name: 'base', versionId: 3, document, via: 'certificate' }], context);
}

function explain(
  statements: readonly object[],
  action: PolicyAction,
  name: string,
  context = DEVICE,
): string {
  return explainDecision(principal(statements, context).decide(action, name));
}

describe('an explanation', () => {
  it('names the group through which the policy holds', () => {
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [CONNECT] });
    const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
    const through = { name: 'base', versionId: 3, document, via: 'group', groupName: 'ovens' } as const;
    const decision = compilePrincipal([through], DEVICE).decide('iot:Connect', 'dev1');
    expect(decision).toMatchObject({ statement: { via: 'group', groupName: 'ovens' } });
    expect(explainDecision(decision)).toContain('group policy `base` version 3 (through group `ovens`)');
  });

  it('names the statement that allowed, with its variables', () => {
    const decision = principal([CONNECT]).decide('iot:Connect', 'dev1');
    expect(decision).toEqual({
      kind: 'allow',
      action: 'iot:Connect',
      name: 'dev1',
      statement: {
        policyName: 'base',
        versionId: 3,
        index: 0,
        sid: 'Connect',
        effect: 'Allow',
        via: 'certificate',
      },
      pattern: 'client/dev1',
      variables: [{ name: 'iot:Connection.Thing.ThingName', value: 'dev1' }],
    });
    expect(explainDecision(decision)).toBe(
      'iot:Connect on `client/dev1` is allowed by `Statement[0]` (`Connect`) of policy `base` version 3 (`client/dev1`, iot:Connection.Thing.ThingName = `dev1`)',
    );
  });

  it('says which value a variable would need', () => {
    const decision = principal([CONNECT, PUBLISH]).decide('iot:Publish', 'telemetry/dev2/dev2');
    expect(decision).toMatchObject({
      kind: 'implicitDeny',
      nearest: {
        kind: 'variable',
        variable: 'iot:Connection.Thing.ThingName',
        actual: 'dev1',
        needed: 'dev2',
      },
    });
  });

  it('says it also when a wildcard follows the variable', () => {
    const own = { ...PUBLISH, Resource: `${ARN}topic/telemetry/${THING}/*` };
    expect(principal([own]).decide('iot:Publish', 'telemetry/dev2/heat')).toMatchObject({
      nearest: { kind: 'variable', actual: 'dev1', needed: 'dev2' },
    });
  });

  it('does not invent a value that does not fit', () => {
    const decision = principal([PUBLISH]).decide('iot:Publish', 'telemetry/dev2/dev3');
    expect(decision).toMatchObject({ nearest: { kind: 'resource', pattern: 'topic/telemetry/dev1/dev1' } });
  });

  it('says which variable has no value', () => {
    const text = explain([CONNECT], 'iot:Connect', 'dev1', { clientId: 'dev1' });
    expect(text).toContain('needs `iot:Connection.Thing.ThingName`: it has no value on this connection');
  });

  it('says which condition failed and what was found', () => {
    const guarded = {
      ...CONNECT,
      Resource: '*',
      Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } },
    };
    expect(explain([guarded], 'iot:Connect', 'x', { sourceIp: '203.0.113.9' })).toContain(
      'condition IpAddress on `aws:SourceIp` wants `192.0.2.0/24` and found `203.0.113.9`',
    );
    expect(explain([guarded], 'iot:Connect', 'x', {})).toContain('found no such key');
  });

  it('says that no statement names the action', () => {
    expect(explain([CONNECT], 'iot:Publish', 'a')).toBe(
      'iot:Publish on `topic/a` is denied: no statement allows it; no statement names iot:Publish',
    );
  });

  it('says that there is no policy at all', () => {
    const decision = compilePrincipal([], DEVICE).decide('iot:Connect', 'dev1');
    expect(explainDecision(decision)).toBe(
      'iot:Connect on `client/dev1` is denied: no policy is attached, neither to the certificate nor to a group of its thing',
    );
  });

  it('says that a Deny failed closed, and on what', () => {
    const deny = { Effect: 'Deny', Action: 'iot:Publish', Resource: `${ARN}topic/\${iot:DomainName}` };
    const decision = principal([deny]).decide('iot:Publish', 'a');
    expect(decision).toMatchObject({ kind: 'explicitDeny', unresolved: ['iot:DomainName'] });
    expect(explainDecision(decision)).toContain('it fails closed because `iot:DomainName` has no value');
  });

  it('stays on one line whatever a device sends', () => {
    expect(explain([CONNECT], 'iot:Publish', 'a\nforged: allowed\u001b[2J')).not.toMatch(/[\n\u001b]/);
  });
});
