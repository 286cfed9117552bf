import { generateKeyPairSync } from 'node:crypto';
import { type CertificateId, parseThingName } from '@fleetward/core';
import { parseCertificate, parsePublicKey } from '@fleetward/pki';
import * as protocol from '@fleetward/protocol';
import { type ApiClient, createApiClient } from '@fleetward/protocol';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { certificateHandlers } from '../../src/certificates/index.ts';
import { denialHandlers } from '../../src/denials/index.ts';
import { enrollmentHandlers } from '../../src/enrollment/index.ts';
import { groupHandlers } from '../../src/groups/index.ts';
import { policyHandlers } from '../../src/policies/index.ts';
import { StoreError } from '../../src/store-error.ts';
import { ThingImports, thingHandlers } from '../../src/things/index.ts';
import {
  type Listening,
  listen,
  makeCertificate,
  type TestCertificates,
  testLimits,
} from '../http/listening.ts';
import { allow, awsTelemetryPolicy } from '../policies/documents.ts';
import { issueDevice, openPlatform, type Platform } from './test-platform.ts';

let tls: TestCertificates;
let folder: TemporaryFolder;
let platform: Platform;
let listening: Listening;
let api: ApiClient;
let isDatabaseDown = false;

beforeAll(async () => {
  tls = await makeCertificate();
});

beforeEach(async () => {
  folder = temporaryFolder();
  isDatabaseDown = false;
  const down = new StoreError('store.unavailable', 'the database failed: connect ECONNREFUSED');
  platform = await openPlatform({
    folder: folder.path,
    wrapStorage: (storage) => ({
      ...storage,
      transactor: {
        transact: (work) => (isDatabaseDown ? Promise.reject(down) : storage.transactor.transact(work)),
      },
    }),
  });
  const {
    certificates,
    things,
    groups,
    activity,
    policyTrials: trials,
    policies,
    denials,
    enrollment,
    clock,
  } = platform;
  listening = await listen(tls, {
    clock,
    handlers: [
      ...thingHandlers({
        things,
        imports: new ThingImports({ things, groups, transactor: platform.storage.transactor, clock }),
        groupsOf: (name) => groups.groupsOf(name),
        isConnected: () => false,
        presenceOf: async () => ({ connected: false, flapping: false }),
        find: async () => ({ names: [], hasMore: false }),
      }),
      ...groupHandlers({ groups, policyNamesOn: (name) => [...policies.namesOn(name)] }),
      ...policyHandlers({
        policies,
        things,
        groups,
        activity,
        trials,
        collect: async () => undefined,
        clock,
        certificateContext: contextOf,
        mayConnect: (certificateId) => certificates.standing(certificateId, clock.now()) === 'active',
      }),
      ...certificateHandlers({ certificates, things, policies, activity, clock, graceMs: 0 }),
      ...enrollmentHandlers(enrollment),
      ...denialHandlers(denials, {
        certificateIdsOf: (name) => things.certificatesOf(name).map(({ certificateId }) => certificateId),
        get: (name) => things.get(name),
      }),
    ],
    authenticate: async () => ({
      kind: 'accepted',
      caller: { kind: 'operator', operatorId: 'ada', name: 'Ada' },
    }),
    limits: { ...testLimits, bodyBytesMax: 262_144 },
  });
  api = createApiClient({ baseUrl: listening.baseUrl, ca: tls.ca, token: 'any' });
});

afterEach(async () => {
  api.close();
  await listening.stop();
  await platform.close();
  folder.remove();
});

async function contextOf(certificateId: Parameters<Platform['certificates']['find']>[0]) {
  const record = await platform.certificates.find(certificateId);
  return record && { id: record.certificateId, serialNumber: record.serial };
}

/** A thing whose certificate has AWS's telemetry policy. */
async function equippedDevice() {
  const { record } = await issueDevice(platform, 'pump');
  const { certificateId } = record;
  await api.call(protocol.createThing, { body: { thingName: 'pump', attributes: { site: 'north' } } });
  const params = { thingName: 'pump', certificateId };
  await api.call(protocol.attachThingCertificate, { params, body: { exclusive: false } });
  await api.call(protocol.createPolicy, { body: { policyName: 'telemetry', document: awsTelemetryPolicy } });
  const attached = await api.call(protocol.attachThingPolicy, {
    params: { thingName: 'pump', policyName: 'telemetry' },
  });
  expect(attached).toEqual({ certificateIds: [certificateId] });
  return record;
}

describe('over HTTP', () => {
  test('a certificate whose CA was removed is shown so', async () => {
    const { certificateId, issuerId } = await equippedDevice();
    const params = { certificateId };
    expect(await api.call(protocol.getCertificate, { params })).not.toHaveProperty('issuerRemoved');
    await api.call(protocol.setCaState, { params: { certificateId: issuerId }, body: { state: 'removed' } });
    const removed = { certificateId, state: 'ACTIVE', issuerRemoved: true };
    expect(await api.call(protocol.getCertificate, { params })).toMatchObject(removed);
    expect((await api.call(protocol.listCertificates)).certificates).toMatchObject([removed]);
  });

  test('a thing shows its certificates and what it last reported', async () => {
    const { certificateId } = await equippedDevice();
    await platform.things.reports.save(platform.things.attachmentsOf(certificateId)[0]!.thingName, {
      protocol: 1,
    });
    const params = { thingName: 'pump' };
    expect(await api.call(protocol.getThing, { params })).toMatchObject({
      thingName: 'pump',
      attributes: { site: 'north' },
      certificates: [{ certificateId, exclusive: false }],
      report: { report: { protocol: 1 } },
    });
    await api.call(protocol.detachThingCertificate, { params: { ...params, certificateId } });
    expect((await api.call(protocol.getThing, { params })).certificates).toEqual([]);
    await expect(api.call(protocol.getThing, { params: { thingName: 'none' } })).rejects.toMatchObject({
      problem: { status: 404, code: 'things.not_found' },
    });
  });

  test('things are listed in pages that end', async () => {
    for (const thingName of ['a', 'b', 'c']) await api.call(protocol.createThing, { body: { thingName } });
    const first = await api.call(protocol.listThings, { query: { limit: 2 } });
    expect([first.things.map(({ thingName }) => thingName), first.next]).toEqual([['a', 'b'], 'b']);
    const second = await api.call(protocol.listThings, { query: { limit: 2, after: 'b' } });
    expect([second.things.map(({ thingName }) => thingName), second.next]).toEqual([['c'], undefined]);
  });

  test('a policy goes through its versions to its removal', async () => {
    const { certificateId } = await equippedDevice();
    const policyName = 'telemetry';
    const document = allow('iot:Publish', '*');
    const params = { policyName };
    const version = await api.call(protocol.createPolicyVersion, {
      params,
      body: { document, setAsDefault: true },
    });
    expect(version).toMatchObject({ policyName, versionId: 2, isDefault: true });
    expect(await api.call(protocol.getPolicy, { params })).toMatchObject({
      defaultVersionId: 2,
      document,
      certificateIds: [certificateId],
      certificateCount: 1,
    });
    await api.call(protocol.setDefaultPolicyVersion, { params, body: { versionId: 1 } });
    expect(
      await api.call(protocol.getPolicyVersion, { params: { policyName, versionId: '2' } }),
    ).toMatchObject({
      document,
      isDefault: false,
    });
    await api.call(protocol.removePolicyVersion, { params: { policyName, versionId: '2' } });
    await expect(api.call(protocol.removePolicy, { params })).rejects.toMatchObject({
      problem: { status: 409 },
    });
    await api.call(protocol.detachPolicy, { params: { policyName, certificateId } });
    await api.call(protocol.removePolicy, { params });
    expect(await api.call(protocol.listPolicies)).toEqual({ policies: [] });
  });

  test('a policy is shown as not attached as long as no certificate and no group has it', async () => {
    const { certificateId } = await equippedDevice();
    const groupName = 'pumps';
    await api.call(protocol.createGroup, { body: { groupName } });
    const found = async () =>
      (await api.call(protocol.getPolicy, { params: { policyName: 'telemetry' } })).findings
        .map(({ id }) => id)
        .filter((id) => id === 'not-attached');
    const certificate = { params: { policyName: 'telemetry', certificateId } };
    const group = { params: { policyName: 'telemetry', groupName } };
    expect(await found()).toEqual([]);
    await api.call(protocol.detachPolicy, certificate);
    expect(await found()).toEqual(['not-attached']);
    await api.call(protocol.attachGroupPolicy, group);
    expect(await found()).toEqual([]);
    await api.call(protocol.detachGroupPolicy, group);
    expect(await found()).toEqual(['not-attached']);
  });

  test('a document that is wrong is refused with the path and what was expected', async () => {
    const body = { policyName: 'wrong', document: allow('iot:Publsh', '*') };
    const refused: unknown = await api.call(protocol.createPolicy, { body }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ problem: { status: 422, code: 'policy.invalid' } });
    expect(JSON.stringify(refused)).toContain('$.Statement[0].Action');
  });

  test('a policy test decides as the gateway would, for a certificate and for a principal that is only thought of', async () => {
    const { certificateId } = await equippedDevice();
    const requests = [
      { action: 'iot:Publish', resource: 'topic/telemetry/pump' },
      { action: 'iot:Publish', resource: 'arn:aws:iot:local:000000000000:topic/telemetry/valve' },
      { action: 'Subscribe', resource: 'topicfilter/#' },
    ];
    const real = await api.call(protocol.testPolicy, { body: { certificateId, clientId: 'pump', requests } });
    expect(real.results.map(({ decision }) => decision)).toEqual(['allow', 'implicitDeny', 'implicitDeny']);
    expect(real.results[1]?.explanation).toContain('telemetry');
    const stranger = await api.call(protocol.testPolicy, {
      body: { certificateId, clientId: 'other', requests },
    });
    expect(stranger.results.map(({ decision }) => decision)).toEqual([
      'implicitDeny',
      'implicitDeny',
      'implicitDeny',
    ]);
    const imagined = await api.call(protocol.testPolicy, {
      body: { policyNames: ['telemetry'], clientId: 'valve', thing: { thingName: 'valve' }, requests },
    });
    expect(imagined.results.map(({ decision }) => decision)).toEqual([
      'implicitDeny',
      'allow',
      'implicitDeny',
    ]);
    const unsaved = await api.call(protocol.testPolicy, {
      body: { documents: [allow('iot:Subscribe', 'topicfilter/#')], clientId: 'c', requests },
    });
    expect(unsaved.results.map(({ decision }) => decision)).toEqual([
      'implicitDeny',
      'implicitDeny',
      'allow',
    ]);
  });

  test('a policy test of a thing decides for its certificate, with its name as the client id, and says by what', async () => {
    const { certificateId } = await equippedDevice();
    const requests = [
      { action: 'iot:Publish', resource: 'topic/telemetry/pump' },
      { action: 'iot:Publish', resource: 'topic/telemetry/valve' },
    ];
    const ofThing = await api.call(protocol.testPolicy, { body: { thingName: 'pump', requests } });
    expect(ofThing.principal).toEqual({ clientId: 'pump', certificateId, thingName: 'pump' });
    const statement = {
      policyName: 'telemetry',
      versionId: 1,
      index: 1,
      effect: 'Allow',
      via: 'certificate',
    };
    const variable = 'iot:Connection.Thing.ThingName';
    expect(ofThing.results).toEqual([
      {
        ...requests[0],
        decision: 'allow',
        explanation: expect.stringContaining('is allowed by `Statement[1]` of policy `telemetry` version 1'),
        statement,
        pattern: expect.stringContaining('topic/telemetry/pump'),
        variables: [{ name: variable, value: 'pump' }],
      },
      {
        ...requests[1],
        decision: 'implicitDeny',
        explanation: expect.stringContaining('no statement allows it'),
        nearest: {
          kind: 'variable',
          statement,
          pattern: expect.stringContaining('topic/telemetry/pump'),
          variable,
          actual: 'pump',
          needed: 'valve',
        },
      },
    ]);
    const ofCertificate = await api.call(protocol.testPolicy, { body: { certificateId, requests } });
    expect(ofCertificate).toEqual(ofThing);
  });

  test('a policy test names the statement that denies, with its Sid', async () => {
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Sid: 'Never', Effect: 'Deny', Action: 'iot:Publish', Resource: '*' }],
    });
    const requests = [{ action: 'iot:Publish', resource: 'topic/a' }];
    const body = { documents: [document], clientId: 'c', requests };
    expect((await api.call(protocol.testPolicy, { body })).results).toMatchObject([
      { decision: 'explicitDeny', statement: { index: 0, sid: 'Never', effect: 'Deny' }, unresolved: [] },
    ]);
  });

  test('a policy test of a thing asks which certificate is meant unless one alone may connect', async () => {
    const { certificateId } = await equippedDevice();
    const { record } = await issueDevice(platform, 'pump');
    const second = { thingName: 'pump', certificateId: record.certificateId };
    await api.call(protocol.attachThingCertificate, { params: second, body: { exclusive: false } });
    const requests = [{ action: 'iot:Publish', resource: 'topic/telemetry/pump' }];
    const ask = (body: object) =>
      api.call(protocol.testPolicy, { body: { thingName: 'pump', requests, ...body } });
    await expect(ask({})).rejects.toMatchObject({ problem: { code: 'policies.invalid_request' } });
    expect((await ask({ certificateId })).results).toMatchObject([{ decision: 'allow' }]);
    expect((await ask(second)).results).toMatchObject([{ decision: 'implicitDeny' }]);
    await api.call(protocol.revokeCertificate, { params: second, body: {} });
    expect((await ask({})).principal.certificateId).toBe(certificateId);
    await api.call(protocol.revokeCertificate, { params: { certificateId }, body: {} });
    await expect(ask({})).rejects.toMatchObject({ problem: { code: 'policies.invalid_request' } });
  });

  test.for([
    ['a thing that is not there', { thingName: 'none' }, 'things.not_found'],
    [
      'a thing both real and hypothetical',
      { thingName: 'a', thing: { thingName: 'a' } },
      'policies.invalid_request',
    ],
    ['nobody', {}, 'policies.invalid_request'],
  ] as const)('a policy test refuses to decide for %s', async ([, who, code]) => {
    const requests = [{ action: 'iot:Publish', resource: 'topic/a' }];
    await expect(api.call(protocol.testPolicy, { body: { ...who, requests } })).rejects.toMatchObject({
      problem: { code },
    });
  });

  test.for([
    ['an action that does not exist', { action: 'iot:Fly', resource: 'topic/a' }],
    ['a resource that is not of the action’s kind', { action: 'iot:Publish', resource: 'client/a' }],
    [
      'an ARN of another account',
      { action: 'iot:Publish', resource: 'arn:aws:iot:local:111111111111:topic/a' },
    ],
  ] as const)('a policy test refuses %s', async ([, request]) => {
    await expect(
      api.call(protocol.testPolicy, { body: { clientId: 'c', requests: [request] } }),
    ).rejects.toMatchObject({
      problem: { status: 400, code: 'policies.invalid_request' },
    });
  });

  test('a revocation answers with when each step was done, and the number of the CRL it is on', async () => {
    const { certificateId } = await equippedDevice();
    const params = { certificateId };
    expect(await api.call(protocol.getCertificate, { params })).toMatchObject({
      state: 'ACTIVE',
      thingNames: ['pump'],
      policyNames: ['telemetry'],
    });
    const revoked = await api.call(protocol.revokeCertificate, { params, body: { reason: 'keyCompromise' } });
    expect(revoked.outcome).toBe('revoked');
    expect(revoked.steps.map(({ step }) => step)).toEqual([
      'requested',
      'journalled',
      'committed',
      'in-force',
      'sessions-cut',
      'crl-signed',
    ]);
    expect(revoked.crlNumber).toBeGreaterThan(0);
    const again = await api.call(protocol.revokeCertificate, { params, body: {} });
    expect(again).toMatchObject({ outcome: 'already-revoked', revokedAtMs: revoked.revokedAtMs });
    expect((await api.call(protocol.listCertificates)).certificates).toMatchObject([
      { certificateId, state: 'REVOKED', revocationReason: 'keyCompromise' },
    ]);
  });

  test('a revocation while the database is down is told as in force, shown, and recorded when it is repeated', async () => {
    const { certificateId } = await equippedDevice();
    const request = { profile: 'device', commonName: 'pump', renews: certificateId } as const;
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = parsePublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));
    const renewed = await platform.certificates.issue({ ...request, publicKey: spki }, { kind: 'system' });
    const shown = (id: string) => api.call(protocol.getCertificate, { params: { certificateId: id } });
    const listed = async (state: 'ACTIVE' | 'REVOKED') =>
      (await api.call(protocol.listCertificates, { query: { state } })).certificates.length;
    const revoke = () =>
      api.call(protocol.revokeCertificate, { params: { certificateId }, body: { reason: 'keyCompromise' } });
    isDatabaseDown = true;
    await expect(revoke()).rejects.toMatchObject({
      problem: {
        status: 503,
        code: 'certificates.revocation_unrecorded',
        detail: expect.stringContaining('journalled and in force'),
      },
    });
    isDatabaseDown = false;
    const inForce = { state: 'REVOKED', revocationReason: 'keyCompromise', isUnrecorded: true };
    expect(await shown(certificateId)).toMatchObject(inForce);
    expect(await shown(renewed.certificate.id)).toMatchObject(inForce);
    expect(await listed('ACTIVE')).toBe(0);
    const repeated = await revoke();
    expect([repeated.outcome, ...repeated.successors.map(({ outcome }) => outcome)]).toEqual([
      'revoked',
      'revoked',
    ]);
    expect(await shown(certificateId)).not.toHaveProperty('isUnrecorded');
    expect(await listed('REVOKED')).toBe(2);
  });

  test('a revocation takes along what was renewed, where the reason judges the device, and names what is left', async () => {
    const { certificateId } = await equippedDevice();
    const renewal = async (renews: CertificateId) => {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const spki = parsePublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));
      const request = { profile: 'device', commonName: 'pump', publicKey: spki, renews } as const;
      const { record } = await platform.certificates.issue(request, { kind: 'system' });
      const params = { thingName: 'pump', certificateId: record.certificateId };
      await api.call(protocol.attachThingCertificate, { params, body: { exclusive: false } });
      return record.certificateId;
    };
    const next = await renewal(certificateId);
    const last = await renewal(next);
    const revoke = (id: string, body: object) =>
      api.call(protocol.revokeCertificate, { params: { certificateId: id }, body });
    const replaced = await revoke(certificateId, { reason: 'superseded' });
    expect(replaced.successors).toEqual([]);
    expect(new Set(replaced.otherCertificateIds)).toEqual(new Set([next, last]));
    const alone = await revoke(next, { reason: 'certificateHold', successors: false });
    expect(alone).toMatchObject({ successors: [], otherCertificateIds: [last] });
    const judged = await revoke(next, { reason: 'keyCompromise' });
    expect(judged).toMatchObject({
      outcome: 'revoked',
      successors: [{ certificateId: last, outcome: 'revoked' }],
      otherCertificateIds: [],
    });
    expect(judged.successors[0]?.steps.map(({ step }) => step)).toContain('crl-signed');
  });

  test('authorities are listed with their certificates, and one can be removed for ever', async () => {
    const { cas } = await api.call(protocol.listCas);
    expect(cas.map(({ kind, state }) => [kind, state]).sort()).toEqual([
      ['issuing', 'active'],
      ['root', 'active'],
    ]);
    const { certificateId } = cas.find(({ kind }) => kind === 'issuing')!;
    await api.call(protocol.setCaState, { params: { certificateId }, body: { state: 'removed' } });
    await expect(
      api.call(protocol.setCaState, { params: { certificateId }, body: { state: 'active' } }),
    ).rejects.toMatchObject({ problem: { status: 409, code: 'certificates.ca_state' } });
  });

  test('a join token shows its secret once, enrols, is listed without it, and can be revoked', async () => {
    const { secret, tokenId } = await api.call(protocol.createJoinToken, {
      body: { namePattern: 'pump-*', usesMax: 2 },
    });
    await platform.enrollment.enroll({
      csrDer: new Uint8Array(),
      secret,
      remoteAddress: '192.0.2.7',
      binding: { kind: 'none', why: 'no TLS here' },
    });
    const { attempts } = await api.call(protocol.listEnrollmentAttempts);
    expect(attempts).toMatchObject([{ outcome: 'refused', reason: 'csr_malformed', tokenId }]);
    const { attemptId } = attempts[0]!;
    const { steps } = await api.call(protocol.getEnrollmentAttempt, { params: { attemptId } });
    expect(steps).toMatchObject([
      { step: 'token', outcome: 'passed' },
      { step: 'csr', outcome: 'refused' },
    ]);
    await expect(
      api.call(protocol.getEnrollmentAttempt, { params: { attemptId: '0'.repeat(32) } }),
    ).rejects.toMatchObject({ problem: { status: 404, code: 'enrollment.attempt_not_found' } });
    await api.call(protocol.revokeJoinToken, { params: { tokenId } });
    const listed = await api.call(protocol.listJoinTokens);
    expect(listed.joinTokens).toMatchObject([{ tokenId, namePattern: 'pump-*', usesMax: 2, usesLeft: 2 }]);
    expect(listed.joinTokens[0]?.revokedAtMs).toBeDefined();
    expect(JSON.stringify([listed, attempts])).not.toContain(secret);
  });

  test('certificates are listed by state as it is shown, profile, issuer, thing and how soon they end', async () => {
    const { certificateId, issuerId, notAfterMs } = await equippedDevice();
    await issueDevice(platform, 'other');
    const listed = async (query: object) =>
      (await api.call(protocol.listCertificates, { query })).certificates.length;
    const dayMs = 86_400_000;
    const all = [
      await listed({ state: 'ACTIVE' }),
      await listed({ state: 'EXPIRED' }),
      await listed({ profile: 'device', issuerId }),
      await listed({ profile: 'claim' }),
      await listed({ issuerId: certificateId }),
      await listed({ thingName: 'pump' }),
      await listed({ endsWithinMs: dayMs }),
      await listed({ endsWithinMs: 366 * dayMs }),
    ];
    expect(all).toEqual([2, 0, 2, 0, 0, 1, 0, 2]);
    platform.clock.advance(notAfterMs + 1 - platform.clock.now());
    const later = [
      await listed({ state: 'ACTIVE' }),
      await listed({ state: 'EXPIRED' }),
      await listed({ endsWithinMs: dayMs }),
      await listed({ state: 'EXPIRED', endsWithinMs: dayMs }),
    ];
    expect(later).toEqual([0, 2, 0, 0]);
    await expect(listed({ thingName: 'pmup' })).rejects.toMatchObject({ problem: { status: 404 } });
  });

  test('whoever asks for the denials of a thing that is not there, and never was, is told', async () => {
    for (const route of [protocol.listDenials, protocol.whyDenied])
      await expect(api.call(route, { query: { thingName: 'pmup' } })).rejects.toMatchObject({
        problem: { status: 404, code: 'things.not_found' },
      });
  });

  test('denials are found by thing, certificate and cause', async () => {
    const { certificateId } = await equippedDevice();
    const { thingName } = platform.things.attachmentsOf(certificateId)[0]!;
    const common = { remoteAddress: '192.0.2.7', explanation: 'no statement allows it' };
    platform.denials.record({
      ...common,
      cause: 'publish_denied',
      certificateId,
      thingName,
      resource: 'a/b',
    });
    platform.denials.record({ ...common, cause: 'tls_no_certificate' });
    const { denials, counts } = await api.call(protocol.listDenials, { query: { thingName: 'pump' } });
    expect(denials).toMatchObject([{ seq: 1, cause: 'publish_denied', certificateId, resource: 'a/b' }]);
    expect(counts).toMatchObject({ publish_denied: 1, tls_no_certificate: 1 });
    const byCause = await api.call(protocol.listDenials, { query: { cause: 'tls_no_certificate' } });
    expect(byCause.denials.map(({ seq }) => seq)).toEqual([2]);
  });

  test('what a device of the thing was refused before it was known as the thing is among the thing’s', async () => {
    const { certificateId } = await equippedDevice();
    const { record: other } = await issueDevice(platform, 'valve');
    const refused = { cause: 'certificate_revoked', remoteAddress: '192.0.2.7', explanation: 'x' } as const;
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, { kind: 'system' });
    platform.denials.record({ ...refused, certificateId });
    platform.denials.record({ ...refused, certificateId: other.certificateId });
    platform.denials.record({
      ...refused,
      certificateId,
      thingName: parseThingName('another-of-its-things'),
    });
    platform.denials.record(refused);
    const query = { thingName: 'pump' };
    expect((await api.call(protocol.listDenials, { query })).denials.map(({ seq }) => seq)).toEqual([1]);
    const connect = { action: 'iot:Connect', resource: 'wrong-id', cause: 'connect_denied' } as const;
    platform.denials.record({ ...refused, ...connect, certificateId, decision: 'implicitDeny' });
    expect((await api.call(protocol.whyDenied, { query })).causes).toMatchObject([{ resource: 'wrong-id' }]);
  });

  test('what a policy denied is grouped by cause, with the statement that would have allowed it', async () => {
    const { certificateId } = await equippedDevice();
    const { thingName } = platform.things.attachmentsOf(certificateId)[0]!;
    const denied = { certificateId, thingName, remoteAddress: '192.0.2.7', explanation: 'nothing allows it' };
    const publish = {
      ...denied,
      cause: 'publish_denied',
      action: 'iot:Publish',
      decision: 'implicitDeny',
    } as const;
    platform.denials.record({ ...publish, resource: `telemetry/${thingName}` });
    platform.denials.record({ ...publish, resource: `telemetry/${thingName}` });
    platform.denials.record({ ...publish, resource: 'raw', decision: 'explicitDeny' });
    const { causes } = await api.call(protocol.whyDenied, { query: { thingName } });
    const Resource = 'arn:aws:iot:REGION:ACCOUNT_ID:topic/telemetry/${iot:Connection.Thing.ThingName}';
    expect(causes).toMatchObject([
      { count: 2, thingName, allowedBy: { Effect: 'Allow', Action: 'iot:Publish', Resource } },
      { count: 1, resource: 'raw', decision: 'explicitDeny' },
    ]);
    expect(causes[1]).not.toHaveProperty('allowedBy');
    expect(
      (await api.call(protocol.whyDenied, { query: { sinceMs: Number.MAX_SAFE_INTEGER } })).causes,
    ).toEqual([]);
  });

  test('the PEM of a certificate is the certificate', async () => {
    const { certificateId } = await equippedDevice();
    const { pem } = await api.call(protocol.getCertificate, { params: { certificateId } });
    const base64 = pem.replace(/-----[A-Z ]+-----|\s/g, '');
    expect(parseCertificate(Buffer.from(base64, 'base64')).id).toBe(certificateId);
  });
});
