import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Unfillable } from '../../src/provisioning/template/evaluate.ts';
import { type Filled, fillTemplate } from '../../src/provisioning/template/fill-template.ts';
import { parseTemplate } from '../../src/provisioning/template/parse-template.ts';
import { lampTemplate, parameters } from './fleet.ts';

const { thing, certificate, policy } = lampTemplate.Resources;

function templateWith(change: {
  readonly name?: unknown;
  readonly thing?: object;
  readonly resources?: object;
  readonly rest?: object;
}): string {
  const Properties = {
    ...thing.Properties,
    ...(change.name === undefined ? {} : { ThingName: change.name }),
    ...change.thing,
  };
  const Resources = { thing: { ...thing, Properties }, certificate, policy, ...change.resources };
  return JSON.stringify({ ...lampTemplate, Resources, ...change.rest });
}

function fill(text: string, given: Readonly<Record<string, string>>): Filled {
  return fillTemplate(parseTemplate(text), parameters(given));
}

function nameOf(name: unknown, given: Readonly<Record<string, string>> = { SerialNumber: '7' }): string {
  return fill(templateWith({ name }), given).thingName;
}

describe('an expression', () => {
  test.each([
    ['a text', 'lamp', 'lamp'],
    ['Ref', { Ref: 'SerialNumber' }, '7'],
    ['Ref with a default', { Ref: 'Room' }, 'attic'],
    ['Join', { 'Fn::Join': ['-', ['a', { Ref: 'SerialNumber' }, 'b']] }, 'a-7-b'],
    ['Join of a Split', { 'Fn::Join': ['_', { 'Fn::Split': ['-', 'a-b-c'] }] }, 'a_b_c'],
    ['Select', { 'Fn::Select': ['1', ['a', 'b']] }, 'b'],
    ['Select by a number', { 'Fn::Select': [0, { 'Fn::Split': ['|', 'a|b'] }] }, 'a'],
    ['Sub', { 'Fn::Sub': 'x-${SerialNumber}-${Room}' }, 'x-7-attic'],
    ['Sub with values', { 'Fn::Sub': ['x-${N}', { N: { Ref: 'SerialNumber' } }] }, 'x-7'],
    [
      'one in another',
      { 'Fn::Sub': ['${N}', { N: { 'Fn::Join': ['', ['a', { Ref: 'SerialNumber' }]] } }] },
      'a7',
    ],
  ])('%s', (_, expression, name) => expect(nameOf(expression)).toBe(name));

  test('FindInMap', () => {
    const name = { 'Fn::FindInMap': ['M', { Ref: 'Room' }, 'n'] };
    const text = templateWith({
      name,
      rest: { Mappings: { M: { attic: { n: 'up' } } }, DeviceConfiguration: {} },
    });
    expect(fill(text, { SerialNumber: '7' }).thingName).toBe('up');
    expect(() => fill(text, { SerialNumber: '7', Room: 'x' })).toThrow(
      'the mapping `M` has nothing for `x`, `n`',
    );
  });

  test('`${!…}` stands for itself, and what a device gives is never one', () => {
    const attribute = { 'Fn::Sub': '${!Room} ${SerialNumber}' };
    const text = templateWith({ name: 'lamp', thing: { AttributePayload: { a: attribute } } });
    const given = { SerialNumber: '${Room} {"Ref":"Room"}' };
    expect(fill(text, given).attributes).toEqual({ a: '${Room} ${Room} {"Ref":"Room"}' });
  });
});

describe('what a device gives', () => {
  test.each(['a/b', 'a+b', '#', '${iot:ClientId}', '*', 'a b', 'é', '', 'x'.repeat(129)])(
    'is no part of a name when it cannot be: %j',
    (SerialNumber) => {
      expect(() => nameOf({ Ref: 'SerialNumber' }, { SerialNumber })).toThrow('comes to no thing name');
    },
  );

  test('must be all that the template asks for', () => {
    expect(() => nameOf('lamp', {})).toThrow('parameter `SerialNumber` missing');
    expect(() => nameOf({ 'Fn::Select': [{ Ref: 'SerialNumber' }, ['a']] })).toThrow('no item `7` of 1');
  });

  test('comes to a thing name of the template’s making or to nothing, whatever it is', () => {
    const text = templateWith({ name: { 'Fn::Sub': 'lamp-${SerialNumber}' } });
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (SerialNumber) => {
        try {
          expect(fill(text, { SerialNumber }).thingName).toMatch(/^lamp-[a-zA-Z0-9:_-]{0,123}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(Unfillable);
        }
      }),
    );
  });

  test('cannot grow without bounds', () => {
    const doubled = (inner: unknown) => ({ 'Fn::Join': ['', [inner, inner]] });
    const name = doubled(doubled(doubled({ Ref: 'SerialNumber' })));
    expect(() => nameOf(name, { SerialNumber: 'x'.repeat(2_000) })).toThrow('more than 4096 characters');
  });
});

describe('a template is refused with its place', () => {
  const policyWith = (Properties: object) => ({ policy: { ...policy, Properties } });
  const Certificate = (Properties: object) => ({ certificate: { ...certificate, Properties } });
  const CertificateId = { Ref: 'AWS::IoT::Certificate::Id' };
  test.each([
    ['no JSON', '{', '$'],
    ['a key twice', '{"Parameters":{},"Parameters":{}}', '$'],
    ['another member', templateWith({ rest: { Outputs: {} } }), '$.Outputs'],
    [
      'another resource',
      templateWith({ resources: { x: { Type: 'AWS::S3::Bucket' } } }),
      '$.Resources.x.Type',
    ],
    ['no thing', JSON.stringify({ Resources: { certificate } }), '$.Resources'],
    ['two certificates', templateWith({ resources: { second: certificate } }), '$.Resources'],
    [
      'another property',
      templateWith({ thing: { BillingGroup: 'x' } }),
      '$.Resources.thing.Properties.BillingGroup',
    ],
    [
      'an unknown parameter',
      templateWith({ name: { Ref: 'Nobody' } }),
      '$.Resources.thing.Properties.ThingName.Ref',
    ],
    [
      'an unknown function',
      templateWith({ name: { 'Fn::Base64': 'x' } }),
      '$.Resources.thing.Properties.ThingName',
    ],
    ['a number for a text', templateWith({ name: 7 }), '$.Resources.thing.Properties.ThingName'],
    [
      'a parameter of another type',
      templateWith({ rest: { Parameters: { N: { Type: 'Number' } } } }),
      '$.Parameters.N',
    ],
    [
      'a policy document',
      templateWith({ resources: policyWith({ PolicyDocument: '{}' }) }),
      '$.Resources.policy.Properties.PolicyDocument',
    ],
    [
      'a policy that the device chooses',
      templateWith({ resources: policyWith({ PolicyName: { Ref: 'SerialNumber' } }) }),
      '$.Resources.policy.Properties.PolicyName',
    ],
    [
      'a group that the device chooses',
      templateWith({ thing: { ThingGroups: ['a', { Ref: 'SerialNumber' }] } }),
      '$.Resources.thing.Properties.ThingGroups[1]',
    ],
    [
      'a certificate that the device brings',
      templateWith({ resources: Certificate({ CertificatePem: { Ref: 'SerialNumber' } }) }),
      '$.Resources.certificate.Properties.CertificatePem',
    ],
    [
      'a state that is none',
      templateWith({ resources: Certificate({ CertificateId, Status: 'REVOKED' }) }),
      '$.Resources.certificate.Properties.Status',
    ],
    [
      'groups of a thing that is there',
      templateWith({
        resources: { thing: { ...thing, OverrideSettings: { ThingGroups: 'REPLACE' } } },
      }),
      '$.Resources.thing.OverrideSettings.ThingGroups',
    ],
  ])('%s', (_, text, path) => {
    expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ details: { path } }));
  });

  test('more than 10 KiB, and more than 16 levels', () => {
    expect(() => parseTemplate(`"${'x'.repeat(10_240)}"`)).toThrow('at most 10240');
    expect(() => parseTemplate('['.repeat(20))).toThrow('deeper than 16');
  });
});

test('a device may choose among the policies of a mapping, and no other', () => {
  const PolicyName = { 'Fn::FindInMap': ['Rights', { Ref: 'Room' }, 'policy'] };
  const Rights = { attic: { policy: 'lamps', note: 'not / a policy' }, cellar: { policy: 'pumps' } };
  const resources = { policy: { ...policy, Properties: { PolicyName } } };
  const text = templateWith({ resources, rest: { Mappings: { Rights }, DeviceConfiguration: {} } });
  expect(fill(text, { SerialNumber: '1', Room: 'cellar' }).policyNames).toEqual(['pumps']);
  expect(() => fill(text, { SerialNumber: '1', Room: 'roof' })).toThrow(Unfillable);
});
