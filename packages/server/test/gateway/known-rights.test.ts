import { generateKeyPairSync } from 'node:crypto';
import { parseGroupName, parsePolicyName, parseThingName } from '@fleetward/core';
import { type Certificate, parsePublicKey } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authorizer, type PrincipalClaim } from '../../src/gateway/authorizer.ts';
import { KnownRights } from '../../src/gateway/known-rights.ts';
import { Rights } from '../../src/gateway/rights.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const policyName = parsePolicyName('pumps');
const thingName = parseThingName('pump');
const groupName = parseGroupName('hall');
let folder: TemporaryFolder;
let platform: Platform;
let authorizer: Authorizer;
let certificate: Certificate;

beforeAll(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  authorizer = new Authorizer(platform);
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const request = { profile: 'device', commonName: 'pump', publicKey: parsePublicKey(spki) } as const;
  certificate = (await platform.certificates.issue(request, operator)).chain[0]!;
  await platform.things.create({ name: thingName, attributes: { line: 'a' } }, operator);
  await platform.things.attachments.attach(
    { thingName, certificateId: certificate.id, exclusive: true },
    operator,
  );
  await platform.policies.create(
    { name: policyName, document: allow([`own/${variable('ThingName')}`]) },
    operator,
  );
  await platform.policies.attachments.attach({ policyName, certificateId: certificate.id }, operator);
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

const variable = (name: string) => `\${iot:Connection.Thing.${name}}`;

type Statement = readonly [topic: string, condition?: object];

/** Allows publishing on these topics. */
function allow(...statements: readonly Statement[]): string {
  const Statement = statements.map(([topic, condition]) => ({
    Effect: 'Allow',
    Action: 'iot:Publish',
    Resource: `arn:aws:iot:REGION:ACCOUNT_ID:topic/${topic}`,
    ...(condition === undefined ? {} : { Condition: condition }),
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** A connection of the device, the first or one of many. */
function mayPublish(topic: string, claim: Partial<PrincipalClaim> = {}): boolean {
  const first = { certificateId: certificate.id, certificate, clientId: 'pump', remoteAddress: '10.0.0.1' };
  const connect = { persistent: false };
  return authorizer.principal({ ...first, connect, ...claim }).mayPublish(topic, false);
}

const inForce = (document: string) =>
  platform.policies.versions.create({ name: policyName, document, setAsDefault: true }, operator);

test('each connection is decided by what is in force when it comes, whatever changed since the one before', async () => {
  const { things, groups, policies } = platform;
  expect(mayPublish('own/pump')).toBe(true);
  await inForce(allow([`line/${variable('Attributes[line]')}`]));
  expect([mayPublish('own/pump'), mayPublish('line/a')]).toEqual([false, true]);
  await things.update(thingName, { attributes: { line: 'b' } }, operator);
  expect([mayPublish('line/a'), mayPublish('line/b')]).toEqual([false, true]);
  await policies.attachments.detach({ policyName, certificateId: certificate.id }, operator);
  expect(mayPublish('line/b')).toBe(false);
  await groups.create({ name: groupName }, operator);
  await policies.attachments.attachToGroup({ policyName, groupName }, operator);
  expect(mayPublish('line/b')).toBe(false);
  await groups.memberships.add({ groupName, thingName }, operator);
  expect([mayPublish('line/b'), mayPublish('line/b')]).toEqual([true, true]);
  await policies.attachments.detachFromGroup({ policyName, groupName }, operator);
  expect(mayPublish('line/b')).toBe(false);
  await policies.attachments.attach({ policyName, certificateId: certificate.id }, operator);
  expect(mayPublish('line/b')).toBe(true);
  await things.states.change({ name: thingName, to: 'quarantined' }, operator);
  expect(mayPublish('line/b')).toBe(false);
  await things.states.change({ name: thingName, to: 'active' }, operator);
  expect(mayPublish('line/b')).toBe(true);
});

test('a connection of another client, from elsewhere, with a will or a kept session is decided by that, and the next by its own', async () => {
  const statements: readonly Statement[] = [
    ['own/${iot:ClientId}'],
    ['near', { IpAddress: { 'aws:SourceIp': '10.0.0.2' } }],
    ['kept', { 'ForAnyValue:StringEquals': { 'iot:ConnectAttributes': 'PersistentConnect' } }],
    ['late', { StringEquals: { 'iot:LastWillTopic': 'gone' } }],
  ];
  await inForce(allow(...statements));
  const claims: readonly (readonly [string, Partial<PrincipalClaim>])[] = [
    ['own/valve', { clientId: 'valve' }],
    ['near', { remoteAddress: '10.0.0.2' }],
    ['kept', { connect: { persistent: true } }],
    ['late', { connect: { persistent: false, willTopic: 'gone' } }],
  ];
  for (const [topic, claim] of claims)
    expect([mayPublish(topic), mayPublish(topic, claim), mayPublish(topic)]).toEqual([false, true, false]);
});

test('what comes again as it was is not compiled again, also under a group, and each certificate has its own', () => {
  let compiled = 0;
  const known = new KnownRights(() => {
    compiled++;
    return new Rights({ dependsOnTime: false } as never, platform.clock);
  });
  const [document] = platform.policies.attachedTo(certificate.id).map((policy) => policy.document);
  const policies = [{ name: 'all', versionId: 1, document: document!, via: 'group', groupName } as const];
  const claim = { certificateId: certificate.id, certificate, clientId: 'pump' };
  const first = known.of({ claim, thing: undefined, policies });
  expect(known.of({ claim: { ...claim }, thing: undefined, policies: [{ ...policies[0]! }] })).toBe(first);
  expect(compiled).toBe(1);
  const other = { ...certificate };
  expect(known.of({ claim: { ...claim, certificate: other }, thing: undefined, policies })).not.toBe(first);
  expect(known.of({ claim, thing: undefined, policies })).toBe(first);
  const { certificate: _, ...away } = claim;
  expect(known.of({ claim: away, thing: undefined, policies })).not.toBe(first);
  expect(compiled).toBe(3);
});
