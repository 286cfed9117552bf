import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { parsePolicyName, parseThingName } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { issueCsr, makeName } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OperatorRequest } from '../../src/enrollment/operator-requests.ts';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { makeCsr, makeKey } from './device-csr.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const policyName = parsePolicyName('telemetry');
const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });

let folder: TemporaryFolder;
let platform: Platform;
beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path, enrollment: { activePerThingMax: 2 } });
  await platform.policies.create({ name: policyName, document }, operator);
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

async function request(
  commonName: string,
  changes: Partial<OperatorRequest> & { readonly key?: KeyObject } = {},
): Promise<OperatorRequest> {
  const { key = newKey(), ...others } = changes;
  const signer = localSigner(key, 'ecdsa-p256-sha256');
  const { der: csrDer } = await issueCsr({ subject: makeName([['commonName', commonName]]), signer });
  return { csrDer, profile: 'device', policyNames: [], altNames: [], ...others };
}

const issue = (...requests: readonly OperatorRequest[]) =>
  platform.enrollment.issueForOperator(requests, operator);
const refused = (reason: string) => ({ kind: 'refused', reason });

test('many devices get things, certificates and policies together, each refusal in its place', async () => {
  const outcomes = await issue(
    await request('pump-1', { policyNames: [policyName] }),
    await request('pump 2'),
    await request('pump-3', { validityDays: 7 }),
  );
  expect(outcomes).toMatchObject([
    { kind: 'issued', name: 'pump-1', isRepeated: false },
    refused('name_invalid'),
    { kind: 'issued', name: 'pump-3' },
  ]);
  const [first, , third] = outcomes;
  if (first?.kind !== 'issued' || third?.kind !== 'issued') throw new Error('refused');
  const { things, policies, certificates, clock } = platform;
  expect(things.certificatesOf(parseThingName('pump-1'))).toMatchObject([
    { certificateId: first.certificateId },
  ]);
  expect(policies.attachedTo(first.certificateId).map(({ name }) => name)).toEqual([policyName]);
  expect(certificates.standing(first.certificateId, clock.now())).toBe('active');
  expect(third.chain[0]?.notAfterMs).toBeLessThanOrEqual(clock.now() + 7 * 86_400_000);
  expect(things.known(parseThingName('pump'))).toBeUndefined();
});

test('the same key, name and profile again bring the same certificate; anything else with that key is refused', async () => {
  const key = newKey();
  const [first] = await issue(await request('pump', { key }));
  const [again] = await issue(await request('pump', { key }));
  if (first?.kind !== 'issued' || again?.kind !== 'issued') throw new Error('refused');
  expect(again).toEqual({ ...first, isRepeated: true });
  expect(await issue(await request('other', { key }))).toMatchObject([refused('key_in_use')]);
  expect(await issue(await request('pump', { key, profile: 'claim' }))).toMatchObject([
    refused('key_in_use'),
  ]);
  await platform.certificates.revoke(
    { certificateId: first.certificateId, reason: 'keyCompromise' },
    operator,
  );
  expect(await issue(await request('pump', { key }))).toMatchObject([refused('key_in_use')]);
});

test('one key twice in a request is refused both times', async () => {
  const key = newKey();
  const outcomes = await issue(await request('a', { key }), await request('b', { key }), await request('c'));
  expect(outcomes).toMatchObject([refused('key_in_use'), refused('key_in_use'), { kind: 'issued' }]);
});

test('a policy that is not there refuses its own certificate and no other', async () => {
  const missing = await request('a', { policyNames: [parsePolicyName('none')] });
  const outcomes = await issue(missing, await request('b', { policyNames: [policyName] }));
  expect(outcomes).toMatchObject([refused('policy_refused'), { kind: 'issued', name: 'b' }]);
  expect(platform.things.known(parseThingName('a'))).toBeUndefined();
});

test('a thing has at most as many active certificates as the settings say', async () => {
  const outcomes = [];
  for (let time = 0; time < 3; time++) outcomes.push(...(await issue(await request('pump'))));
  const [first] = outcomes;
  if (first?.kind !== 'issued') throw new Error('refused');
  expect(outcomes).toMatchObject([
    { kind: 'issued', others: [] },
    { kind: 'issued', others: [first.certificateId] },
    refused('thing_has_too_many'),
  ]);
});

test.each(['claim', 'operator'] as const)('a `%s` certificate makes no thing', async (profile) => {
  const [outcome] = await issue(await request('Ada L', { profile }));
  expect(outcome).toMatchObject({ kind: 'issued', name: 'Ada L' });
  if (outcome?.kind === 'issued') expect(platform.things.attachmentsOf(outcome.certificateId)).toEqual([]);
});

test('a server certificate has the names it is given, and no wildcard', async () => {
  const server = (value: string) =>
    request('gateway', { profile: 'server', altNames: [{ kind: 'dns', value }] });
  expect(await issue(await server('gw.example'))).toMatchObject([{ kind: 'issued' }]);
  expect(await issue(await server('*.example'))).toMatchObject([refused('csr_asks_too_much')]);
  expect(await issue(await request('gateway', { profile: 'server' }))).toMatchObject([
    refused('csr_asks_too_much'),
  ]);
});

test.each<[string, string, Partial<OperatorRequest>, string]>([
  ['a name of 65 characters', 'x'.repeat(64), { name: 'x'.repeat(65) }, 'name_invalid'],
  ['another name than the CSR', 'pump', { name: 'valve' }, 'name_invalid'],
  ['a wildcard', 'pump*', {}, 'name_invalid'],
  ['a letter that looks like another', 'pumр', {}, 'name_invalid'],
  ['such a letter in a claim', 'clаim', { profile: 'claim' }, 'name_invalid'],
  ['more days than the profile has', 'pump', { profile: 'operator', validityDays: 366 }, 'csr_asks_too_much'],
  [
    'a DNS name of a claim',
    'pump',
    { profile: 'claim', altNames: [{ kind: 'dns', value: 'a.example' }] },
    'csr_asks_too_much',
  ],
  ['bytes that are no CSR', 'pump', { csrDer: Uint8Array.of(0x30, 0) }, 'csr_malformed'],
  ['a CSR of 20 kB', 'pump', { csrDer: new Uint8Array(20_000) }, 'csr_malformed'],
])('%s is refused, and nothing is stored', async (_, commonName, changes, reason) => {
  const before = await trailOf(platform.trail);
  expect(await issue(await request(commonName, changes))).toMatchObject([refused(reason)]);
  expect(await trailOf(platform.trail)).toEqual(before);
});

test('a CSR whose signature is of another key is refused', async () => {
  const { csrDer, ...others } = await request('pump');
  const broken = Uint8Array.from(csrDer);
  broken[broken.length - 3] = (broken.at(-3) ?? 0) ^ 1;
  expect(await issue({ ...others, csrDer: broken })).toMatchObject([refused('csr_signature')]);
});

test('a CSR may repeat the names that the settings give by a template, and no other', async () => {
  await platform.close();
  mkdirSync(folder.join('named'));
  platform = await openPlatform({
    folder: folder.join('named'),
    altNames: { device: ['dns:${name}.pumps.example'] },
  });
  const asking = async (names: string) => {
    const extra = ['-addext', `subjectAltName=${names}`];
    const csrDer = await makeCsr(await makeKey(folder, 'pump-9', 'ec:P-256'), {
      subject: '/CN=pump-9',
      extra,
    });
    return { csrDer, profile: 'device', policyNames: [], altNames: [] } as const;
  };
  const own = 'DNS:pump-9.pumps.example';
  const others = await issue(
    await asking(`${own},DNS:pump-8.pumps.example`),
    await asking('DNS:pump-8.pumps.example'),
  );
  expect(others).toMatchObject([refused('csr_asks_too_much'), refused('csr_asks_too_much')]);
  expect(await issue(await asking(own))).toMatchObject([{ kind: 'issued', name: 'pump-9' }]);
});
