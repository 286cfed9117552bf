import { parseCertificateId, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import { causesOf } from '../../src/denials/causes.ts';
import type { Denial } from '../../src/denials/denial.ts';

const denial = (seq: number, fields: Partial<Denial>): Denial => ({
  seq,
  atMs: seq * 1_000,
  cause: 'publish_denied',
  certificateId: parseCertificateId('ab'.repeat(32)),
  thingName: parseThingName('lamp-7'),
  clientId: 'lamp-7',
  remoteAddress: '192.0.2.1',
  action: 'iot:Publish',
  resource: 'telemetry/lamp-7/heat',
  explanation: 'nothing allows it',
  decision: 'implicitDeny',
  ...fields,
});

test('denials of one action and resource by one principal are one cause, the most frequent first', () => {
  const other = parseCertificateId('cd'.repeat(32));
  const causes = causesOf([denial(4, {}), denial(3, { certificateId: other }), denial(2, {}), denial(1, {})]);
  expect(causes).toMatchObject([
    { count: 3, firstAtMs: 1_000, lastAtMs: 4_000 },
    { count: 1, certificateId: other },
  ]);
});

test('a cause has the least statement that would have allowed it, the device named by a variable', () => {
  expect(causesOf([denial(1, {})])[0]?.allowedBy).toEqual({
    Effect: 'Allow',
    Action: 'iot:Publish',
    Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/telemetry/${iot:Connection.Thing.ThingName}/heat',
  });
});

test('an explicit deny has none: no Allow outweighs it; nor has a resource that was cut', () => {
  expect(causesOf([denial(1, { decision: 'explicitDeny' })])[0]).not.toHaveProperty('allowedBy');
  expect(causesOf([denial(1, { resource: 'a'.repeat(1_024) })])[0]).not.toHaveProperty('allowedBy');
});

test('the explanation is that of a denial that was explained, though newer ones were not', () => {
  const { decision: _decision, ...unexplained } = denial(2, { explanation: 'too many' });
  expect(causesOf([unexplained, denial(1, {})])[0]).toMatchObject({
    count: 2,
    explanation: 'nothing allows it',
    decision: 'implicitDeny',
  });
});

test('what no policy decided is no cause', () => {
  const { action: _action, ...noAction } = denial(1, { cause: 'tls_version' });
  expect(causesOf([noAction])).toEqual([]);
});
