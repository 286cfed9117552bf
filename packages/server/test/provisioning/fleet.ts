import { parsePolicyName, type ThingName } from '@fleetward/core';
import type { Claim } from '../../src/provisioning/store.ts';
import type { Platform } from '../certificates/test-platform.ts';

export const operator = { kind: 'operator', operatorId: 'ada' } as const;

/** As AWS publishes one, with what this platform takes of it. */
export const lampTemplate = {
  Parameters: { SerialNumber: { Type: 'String' }, Room: { Type: 'String', Default: 'attic' } },
  Mappings: { Rooms: { attic: { url: 'https://attic.example' }, cellar: { url: 'https://cellar.example' } } },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      OverrideSettings: { AttributePayload: 'MERGE', ThingTypeName: 'REPLACE', ThingGroups: 'DO_NOTHING' },
      Properties: {
        ThingName: { 'Fn::Join': ['', ['lamp-', { Ref: 'SerialNumber' }]] },
        AttributePayload: { serial: { Ref: 'SerialNumber' }, room: { Ref: 'Room' } },
        ThingTypeName: 'lamp',
      },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
      OverrideSettings: { Status: 'REPLACE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'lamps' } },
  },
  DeviceConfiguration: { url: { 'Fn::FindInMap': ['Rooms', { Ref: 'Room' }, 'url'] }, retries: 3 },
};

export const lampPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'iot:Connect',
      Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:client/${iot:Connection.Thing.ThingName}',
    },
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/state/${iot:Connection.Thing.ThingName}',
    },
  ],
});

/** The policy `lamps`, the template `lamps` and a claim for it. */
export async function makeFleet(
  platform: Platform,
  { body = lampTemplate as object, mayRejoin = false, hookUrl = undefined as string | undefined } = {},
): Promise<Claim> {
  await platform.policies.create({ name: parsePolicyName('lamps'), document: lampPolicy }, operator);
  const hook = hookUrl === undefined ? {} : { hookUrl };
  await platform.provisioning.templates.create(
    { name: 'lamps', body: JSON.stringify(body), mayRejoin, ...hook },
    operator,
  );
  return newClaim(platform);
}

export async function newClaim(
  platform: Platform,
  { validityMs = 300_000, ...bounds }: { validityMs?: number; usesMax?: number; thingName?: ThingName } = {},
): Promise<Claim> {
  const wanted = { templateName: 'lamps', validityMs, ...bounds };
  return (await platform.provisioning.claims.create(wanted, operator)).claim;
}

export function askedBy({ certificateId }: Claim) {
  return { certificateId, clientId: 'factory-line-1', remoteAddress: '192.0.2.7' };
}

export const parameters = (given: Readonly<Record<string, string>>) => new Map(Object.entries(given));
