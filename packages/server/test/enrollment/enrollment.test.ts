import { parseGroupName, parsePolicyName, parseThingName } from '@fleetward/core';
import { validatePath } from '@fleetward/pki';
import { needs, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EnrollmentOutcome } from '../../src/enrollment/index.ts';
import { openPlatform, type Platform, type PlatformOptions, trailOf } from '../certificates/test-platform.ts';
import { makeCsr, makeKey } from './device-csr.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const remoteAddress = '192.0.2.7';
const binding = { kind: 'none', why: 'no TLS here' } as const;
const dayMs = 86_400_000;

needs('openssl', 'openssl').describe('enrolment', () => {
  let folder: TemporaryFolder;
  let keys: TemporaryFolder;
  let platform: Platform;
  let csr: Uint8Array;
  let otherCsr: Uint8Array;
  let thirdCsr: Uint8Array;

  beforeAll(async () => {
    keys = temporaryFolder();
    csr = await makeCsr(await makeKey(keys, 'one', 'ec:P-256'), { subject: '/CN=my_iot_device' });
    otherCsr = await makeCsr(await makeKey(keys, 'two', 'ec:P-256'), { subject: '/CN=my_iot_device' });
    thirdCsr = await makeCsr(await makeKey(keys, 'three', 'ec:P-256'), { subject: '/CN=my_iot_device' });
  });

  afterAll(() => keys.remove());

  beforeEach(async () => {
    folder = temporaryFolder();
    platform = await openPlatform({ folder: folder.path });
  });

  afterEach(async () => {
    await platform.close();
    folder.remove();
  });

  async function reopen(options: Partial<PlatformOptions> = {}): Promise<void> {
    const same = { folder: folder.path, keys: platform.keys, clock: platform.clock };
    await platform.close();
    platform = await openPlatform({ ...same, ...options });
  }

  async function newToken(
    terms: {
      readonly namePattern?: string;
      readonly usesMax?: number;
      readonly policies?: readonly string[];
      readonly group?: string;
      readonly profile?: 'device' | 'claim' | 'operator';
    } = {},
  ) {
    const { namePattern = '*', usesMax = 1, policies = [], group, profile = 'device' } = terms;
    const wanted = {
      namePattern,
      usesMax,
      profile,
      validityMs: dayMs,
      policies: policies.map(parsePolicyName),
      ...(group === undefined ? {} : { groupName: parseGroupName(group) }),
    };
    return platform.enrollment.tokens.create(wanted, operator);
  }

  function enroll(csrDer: Uint8Array, secret: string): Promise<EnrollmentOutcome> {
    return platform.enrollment.enroll({ csrDer, secret, remoteAddress, binding });
  }

  async function issuedTo(csrDer: Uint8Array, secret: string) {
    const outcome = await enroll(csrDer, secret);
    if (outcome.kind !== 'issued') throw new Error(outcome.explanation);
    return outcome.certificateId;
  }

  async function trailKinds(): Promise<readonly string[]> {
    return (await trailOf(platform.trail)).map(({ kind }) => kind);
  }

  describe('gives a certificate', () => {
    test.for(['rsa:2048', 'ec:P-256'] as const)(
      'to the %s key and CSR that openssl makes by hand',
      async (kind) => {
        const { secret } = await newToken();
        const byHand = await makeCsr(await makeKey(keys, `by-hand-${kind}`, kind), {
          subject: '/CN=my_iot_device',
        });
        const outcome = await enroll(byHand, secret);
        if (outcome.kind !== 'issued') throw new Error(outcome.explanation);
        const [leaf, ...untrusted] = outcome.chain;
        const { roots } = platform.certificates.trust();
        const atMs = platform.clock.now();
        expect(validatePath({ leaf: leaf!, untrusted, roots, atMs, purpose: 'clientAuth' }).kind).toBe(
          'accepted',
        );
        expect(leaf!.subject.attributes).toEqual({ commonName: ['my_iot_device'] });
        expect(platform.certificates.standing(outcome.certificateId, atMs)).toBe('active');
      },
    );

    test('with the alternative names of the settings, of its own name, also to a CSR that has them', async () => {
      const device = ['dns:${name}.pumps.example', 'uri:spiffe://example/${name}'];
      await reopen({ altNames: { device } });
      const asking = async (file: string, name: string, names: string) =>
        makeCsr(await makeKey(keys, file, 'ec:P-256'), {
          subject: `/CN=${name}`,
          extra: ['-addext', `subjectAltName=${names}`],
        });
      const namesOf = async (csrDer: Uint8Array) => {
        const outcome = await enroll(csrDer, (await newToken()).secret);
        if (outcome.kind !== 'issued') return outcome.reason;
        return outcome.chain[0]!.extensions.subjectAltName;
      };
      const thing = (name: string) => ({ kind: 'uri', value: `urn:fleetward:thing:${name}` });
      expect(await namesOf(await asking('pump', 'pump-7', 'DNS:pump-7.pumps.example'))).toEqual([
        thing('pump-7'),
        { kind: 'dns', value: 'pump-7.pumps.example' },
        { kind: 'uri', value: 'spiffe://example/pump-7' },
      ]);
      // No DNS name has an underscore.
      expect(await namesOf(csr)).toEqual([
        thing('my_iot_device'),
        { kind: 'uri', value: 'spiffe://example/my_iot_device' },
      ]);
      const stranger = await asking('valve', 'pump-8', 'DNS:pump-7.pumps.example');
      expect(await namesOf(stranger)).toBe('csr_asks_too_much');
    });

    test('with its thing, its attachment, the token’s policies, its trace and its trail, all in one change', async () => {
      const document = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }],
      });
      await platform.policies.create({ name: parsePolicyName('device'), document }, operator);
      const { secret, token } = await newToken({ policies: ['device'] });
      const outcome = await enroll(csr, secret);
      if (outcome.kind !== 'issued') throw new Error(outcome.explanation);
      const { certificateId, thingName } = outcome;
      expect(thingName).toBe('my_iot_device');
      expect(platform.things.attachmentsOf(certificateId)).toEqual([
        { thingName, certificateId, exclusive: false },
      ]);
      expect(platform.policies.attachedTo(certificateId).map(({ name }) => name)).toEqual(['device']);
      expect(await platform.enrollment.attempts(10)).toMatchObject([
        { outcome: 'issued', thingName, certificateId, tokenId: token.tokenId, remoteAddress },
      ]);
      const [attempt] = await platform.enrollment.attempts(1);
      expect(attempt!.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toEqual([
        'token passed',
        'csr passed',
        'linking passed',
        'name passed',
        'uses passed',
        'key passed',
        'thing passed',
        'issue passed',
      ]);
      expect((await trailKinds()).slice(2)).toEqual([
        'certificate.issued',
        'thing.created',
        'thing.certificate_attached',
        'policy.attached',
      ]);
      await reopen();
      expect(platform.things.attachmentsOf(certificateId)).toHaveLength(1);
      expect(platform.policies.attachedTo(certificateId)).toHaveLength(1);
    });

    test('and puts the thing into the token’s group, whose policies then hold', async () => {
      const name = parseGroupName('lamps');
      await platform.groups.create({ name }, operator);
      const { secret } = await newToken({ group: 'lamps' });
      const outcome = await enroll(csr, secret);
      if (outcome.kind !== 'issued') throw new Error(outcome.explanation);
      expect(platform.groups.groupsOf(outcome.thingName)).toEqual(['lamps']);
      expect(platform.groups.certificatesUnder(name)).toEqual([outcome.certificateId]);
      expect(await trailKinds()).toContain('group.thing_added');
      await reopen();
      expect(platform.groups.groupsOf(outcome.thingName)).toEqual(['lamps']);
    });

    test('of the token’s profile, which is no thing’s when it is a claim', async () => {
      const { secret } = await newToken({ profile: 'claim' });
      const first = await enroll(csr, secret);
      const again = await enroll(csr, secret);
      if (first.kind !== 'issued' || again.kind !== 'issued') throw new Error('refused');
      expect(again.certificateId).toBe(first.certificateId);
      expect(platform.certificates.summary(first.certificateId)?.profile).toBe('claim');
      expect(platform.things.known(parseThingName('my_iot_device'))).toBeUndefined();
      expect(platform.things.attachmentsOf(first.certificateId)).toEqual([]);
    });

    test('again, the same one, when the answer was lost and the device asks with the same token and key', async () => {
      const { secret } = await newToken();
      const first = await enroll(csr, secret);
      await reopen();
      const second = await enroll(csr, secret);
      if (first.kind !== 'issued' || second.kind !== 'issued') throw new Error('refused');
      expect(second.certificateId).toBe(first.certificateId);
      expect(second.chain.map(({ id }) => id)).toEqual(first.chain.map(({ id }) => id));
      expect(second.isRepeated).toBe(true);
      expect((await platform.certificates.page({ limit: 10 })).length).toBe(1);
    });

    test('to a thing whose certificate was revoked, with a new token for its name and another key', async () => {
      const first = await enroll(csr, (await newToken()).secret);
      if (first.kind !== 'issued') throw new Error(first.explanation);
      await platform.certificates.revoke(
        { certificateId: first.certificateId, reason: 'keyCompromise' },
        operator,
      );
      platform.clock.advance(1);
      const consent = await newToken({ namePattern: 'my_iot_device' });
      expect((await enroll(otherCsr, consent.secret)).kind).toBe('issued');
    });
  });

  describe('refuses', () => {
    async function refusalOf(csrDer: Uint8Array, secret: string) {
      const before = (await platform.certificates.page({ limit: 10 })).length;
      const outcome = await enroll(csrDer, secret);
      if (outcome.kind !== 'refused') throw new Error('issued');
      expect(outcome.deviceText).not.toContain(secret);
      expect((await platform.certificates.page({ limit: 10 })).length).toBe(before);
      expect((await platform.enrollment.attempts(1))[0]).toMatchObject({
        outcome: 'refused',
        reason: outcome.reason,
        explanation: outcome.explanation,
        remoteAddress,
      });
      const [{ attemptId, steps } = { attemptId: '', steps: [] }] = await platform.enrollment.attempts(1);
      expect(steps.at(-1)).toMatchObject({
        outcome: 'refused',
        detail: `${outcome.reason}: ${outcome.explanation}`,
      });
      expect(steps.slice(0, -1).every((step) => step.outcome === 'passed')).toBe(true);
      expect((await platform.enrollment.attempt(attemptId)).steps).toEqual(steps);
      const [denial] = platform.denials.list({ limit: 1 });
      expect(denial).toMatchObject({ cause: 'enrollment_refused', remoteAddress });
      return { reason: outcome.reason, fault: outcome.fault };
    }

    test('a wrong token', async () => {
      await newToken();
      expect(await refusalOf(csr, `fwj_${'A'.repeat(43)}`)).toEqual({
        reason: 'token_unknown',
        fault: 'token',
      });
      expect(await refusalOf(csr, 'wrong')).toEqual({ reason: 'token_unknown', fault: 'token' });
    });

    test('a used token', async () => {
      const { secret } = await newToken();
      await enroll(csr, secret);
      const another = await makeCsr(await makeKey(keys, 'another', 'ec:P-256'), { subject: '/CN=another' });
      expect(await refusalOf(another, secret)).toEqual({ reason: 'token_used', fault: 'token' });
    });

    test('an expired token', async () => {
      const { secret } = await newToken();
      platform.clock.advance(dayMs);
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'token_expired', fault: 'token' });
    });

    test('a revoked token', async () => {
      const { secret, token } = await newToken();
      await platform.enrollment.tokens.revoke(token.tokenId, operator);
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'token_revoked', fault: 'token' });
      await expect(platform.enrollment.tokens.revoke(token.tokenId, operator)).rejects.toMatchObject({
        code: 'enrollment.token_not_found',
      });
    });

    test('a token whose policy was removed since', async () => {
      const name = parsePolicyName('gone');
      const statement = { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' };
      const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await platform.policies.create({ name, document }, operator);
      const { secret } = await newToken({ policies: ['gone'] });
      await platform.policies.remove(name, operator);
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'token_policy_missing', fault: 'token' });
      expect(platform.things.known(parseThingName('my_iot_device'))).toBeUndefined();
    });

    test('a token whose group was removed since, with nothing left behind', async () => {
      const name = parseGroupName('gone');
      await platform.groups.create({ name }, operator);
      const { secret, token } = await newToken({ group: 'gone' });
      await platform.groups.remove(name, operator);
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'token_group_refused', fault: 'token' });
      expect(platform.things.known(parseThingName('my_iot_device'))).toBeUndefined();
      expect(
        (await platform.enrollment.tokens.list()).find((one) => one.tokenId === token.tokenId),
      ).toMatchObject({
        usesLeft: 1,
      });
    });

    test('a token whose group’s policies, together with its own, would break a guard rail', async () => {
      const thing = '${iot:Connection.Thing.ThingName}';
      const documentOf = (topic: string) => {
        const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
        const connect = { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}client/${thing}` };
        const publish = { Effect: 'Allow', Action: 'iot:Publish', Resource: `${arn}topic/${topic}` };
        return JSON.stringify({ Version: '2012-10-17', Statement: [connect, publish] });
      };
      const [own, ofGroup] = [parsePolicyName('own'), parsePolicyName('of-group')];
      const groupName = parseGroupName('lamps');
      await platform.groups.create({ name: groupName }, operator);
      await platform.policies.create({ name: own, document: documentOf(`up/${thing}`) }, operator);
      await platform.policies.create({ name: ofGroup, document: documentOf(`up/eu-${thing}`) }, operator);
      await platform.policies.attachments.attachToGroup({ policyName: ofGroup, groupName }, operator);
      await platform.policies.requireProof(
        { name: 'apart', property: { kind: 'no-cross-device' } },
        operator,
      );
      const { secret } = await newToken({ policies: ['own'], group: 'lamps' });
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'token_guardrail', fault: 'token' });
      expect(platform.things.known(parseThingName('my_iot_device'))).toBeUndefined();
      const alone = await newToken({ policies: ['own'] });
      expect((await enroll(csr, alone.secret)).kind).toBe('issued');
    }, 60_000);

    test('a weak key', async () => {
      const { secret } = await newToken();
      const weak = await makeCsr(await makeKey(keys, 'weak', 'rsa:1024'), { subject: '/CN=my_iot_device' });
      expect(await refusalOf(weak, secret)).toEqual({ reason: 'key_refused', fault: 'request' });
    });

    test('a CSR whose signature is broken', async () => {
      const { secret } = await newToken();
      const broken = csr.slice();
      const middleOfSignature = broken.length - 20;
      broken[middleOfSignature] = broken[middleOfSignature]! ^ 1;
      expect(await refusalOf(broken, secret)).toEqual({ reason: 'csr_signature', fault: 'request' });
    });

    test('bytes that are no CSR', async () => {
      const { secret } = await newToken();
      const malformed = { reason: 'csr_malformed', fault: 'request' };
      expect(await refusalOf(new Uint8Array([0x30, 0x03, 1, 2, 3]), secret)).toEqual(malformed);
      expect(await refusalOf(new Uint8Array(20_000), secret)).toEqual(malformed);
    });

    test.for([
      ['no common name', '/O=example'],
      ['two common names', '/CN=a/CN=b'],
      ['a common name that is no thing name', '/CN=a b'],
    ])('%s', async ([, subject]) => {
      const { secret } = await newToken();
      const unnamed = await makeCsr(keys.join('one.key'), { subject: subject! });
      expect(await refusalOf(unnamed, secret)).toEqual({ reason: 'name_invalid', fault: 'request' });
    });

    test('a name outside the token’s pattern', async () => {
      const { secret } = await newToken({ namePattern: 'sensor-*' });
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'name_not_allowed', fault: 'request' });
    });

    test('a CSR that asks to be a CA', async () => {
      const { secret } = await newToken();
      const extra = ['-addext', 'basicConstraints=critical,CA:TRUE'];
      const greedy = await makeCsr(keys.join('one.key'), { subject: '/CN=my_iot_device', extra });
      expect(await refusalOf(greedy, secret)).toEqual({ reason: 'csr_asks_too_much', fault: 'request' });
    });

    test('a key that another thing has, and a key whose certificate was revoked', async () => {
      const { secret } = await newToken({ usesMax: 3 });
      const first = await enroll(csr, secret);
      const sameKey = await makeCsr(keys.join('one.key'), { subject: '/CN=other' });
      expect(await refusalOf(sameKey, secret)).toEqual({ reason: 'key_in_use', fault: 'request' });
      if (first.kind !== 'issued') throw new Error(first.explanation);
      await platform.certificates.revoke(
        { certificateId: first.certificateId, reason: 'keyCompromise' },
        operator,
      );
      expect(await refusalOf(csr, secret)).toEqual({ reason: 'key_in_use', fault: 'request' });
    });

    test('a thing whose certificate is on hold', async () => {
      const { secret } = await newToken({ usesMax: 2 });
      const first = await enroll(csr, secret);
      if (first.kind !== 'issued') throw new Error(first.explanation);
      const { certificateId } = first;
      await platform.certificates.revoke({ certificateId, reason: 'certificateHold' }, operator);
      expect(await refusalOf(otherCsr, secret)).toEqual({
        reason: 'thing_has_certificate',
        fault: 'request',
      });
    });

    test('a device that was revoked for what it is, by a token for many, whoever made it and when', async () => {
      const before = await newToken({ namePattern: 'my_*', usesMax: 9 });
      const exactBefore = await newToken({ namePattern: 'my_iot_device', usesMax: 9 });
      const certificateId = await issuedTo(csr, before.secret);
      platform.clock.advance(1_000);
      await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
      platform.clock.advance(1_000);
      const after = await newToken({ namePattern: 'my_*', usesMax: 9 });
      const refused = { reason: 'thing_revoked', fault: 'certificate' };
      for (const { secret } of [before, exactBefore, after])
        expect(await refusalOf(otherCsr, secret)).toEqual(refused);
      const [attempt] = await platform.enrollment.attempts(1);
      expect(attempt!.explanation).toContain(certificateId);
      expect(attempt!.explanation).toContain('fleetward join-token create my_iot_device');
      const told = await enroll(otherCsr, after.secret);
      expect(told).toMatchObject({ deviceText: 'the thing `my_iot_device` is not let in; ask its operator' });
      await reopen();
      expect(await refusalOf(otherCsr, before.secret), 'after a restart').toEqual(refused);
      const consent = await newToken({ namePattern: 'my_iot_device' });
      const again = await issuedTo(otherCsr, consent.secret);
      platform.clock.advance(1_000);
      await platform.certificates.revoke({ certificateId: again, reason: 'unspecified' }, operator);
      expect(await refusalOf(thirdCsr, exactBefore.secret), 'consent is for once').toEqual(refused);
    });

    test('nor when its certificate was detached before or after, and deleted, and the thing removed', async () => {
      const { secret } = await newToken({ usesMax: 9 });
      const certificateId = await issuedTo(csr, secret);
      const thingName = parseThingName('my_iot_device');
      await platform.things.attachments.detach({ thingName, certificateId }, operator);
      await platform.things.remove(thingName, operator);
      await platform.certificates.revoke({ certificateId, reason: 'privilegeWithdrawn' }, operator);
      await platform.certificates.remove(certificateId, operator);
      const refused = { reason: 'thing_revoked', fault: 'certificate' };
      expect(await refusalOf(otherCsr, secret)).toEqual(refused);
      await reopen();
      expect(await refusalOf(otherCsr, secret), 'after a restart').toEqual(refused);
    });

    test('nor one that is shut out while its certificate is being signed', async () => {
      const { secret } = await newToken({ usesMax: 9 });
      const certificateId = await issuedTo(csr, secret);
      const thingName = parseThingName('my_iot_device');
      await platform.things.attachments.detach({ thingName, certificateId }, operator);
      const signing = vi.spyOn(platform.certificates, 'sign');
      signing.mockImplementationOnce(async (request) => {
        await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
        return platform.certificates.sign(request);
      });
      const refused = { reason: 'thing_revoked', fault: 'certificate' };
      expect(await refusalOf(otherCsr, secret)).toEqual(refused);
      expect(platform.things.certificatesOf(thingName)).toEqual([]);
    });

    test('nor one that an operator first put on hold, by a token from before the judgement', async () => {
      const { secret } = await newToken({ usesMax: 9 });
      const certificateId = await issuedTo(csr, secret);
      await platform.certificates.revoke({ certificateId, reason: 'certificateHold' }, operator);
      platform.clock.advance(1_000);
      const between = await newToken({ namePattern: 'my_iot_device', usesMax: 9 });
      platform.clock.advance(1_000);
      await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
      const refused = { reason: 'thing_revoked', fault: 'certificate' };
      expect(await refusalOf(otherCsr, between.secret)).toEqual(refused);
    });

    test.for(['superseded', 'cessationOfOperation'] as const)(
      'but not a device whose certificate was merely not needed any more: %s',
      async (reason) => {
        const { secret } = await newToken({ usesMax: 2 });
        const certificateId = await issuedTo(csr, secret);
        await platform.certificates.revoke({ certificateId, reason }, operator);
        expect((await enroll(otherCsr, secret)).kind).toBe('issued');
      },
    );

    test('a thing that has another active certificate', async () => {
      const { secret } = await newToken({ usesMax: 2 });
      await enroll(csr, secret);
      expect(await refusalOf(otherCsr, secret)).toEqual({
        reason: 'thing_has_certificate',
        fault: 'request',
      });
    });
  });

  describe('of racing attempts', () => {
    test('with one one-time token and different names, one wins', async () => {
      const { secret, token } = await newToken();
      const names = ['race-1', 'race-2', 'race-3', 'race-4'];
      const csrs = await Promise.all(
        names.map(async (name) => makeCsr(await makeKey(keys, name, 'ec:P-256'), { subject: `/CN=${name}` })),
      );
      const outcomes = await Promise.all(csrs.map((racing) => enroll(racing, secret)));
      expect(outcomes.filter(({ kind }) => kind === 'issued')).toHaveLength(1);
      const reasons = outcomes.flatMap((outcome) => (outcome.kind === 'refused' ? [outcome.reason] : []));
      expect(reasons).toEqual(['token_used', 'token_used', 'token_used']);
      expect((await platform.certificates.page({ limit: 10 })).length).toBe(1);
      expect(
        (await platform.enrollment.tokens.list()).find(({ tokenId }) => tokenId === token.tokenId)?.usesLeft,
      ).toBe(0);
    });

    test('for one name with different keys and tokens, one wins', async () => {
      const [a, b] = [await newToken(), await newToken()];
      const outcomes = await Promise.all([enroll(csr, a.secret), enroll(otherCsr, b.secret)]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['issued', 'refused']);
    });

    test('of one device that asks twice at once, both get the same certificate', async () => {
      const { secret } = await newToken();
      const outcomes = await Promise.all([enroll(csr, secret), enroll(csr, secret)]);
      const ids = outcomes.map((outcome) => (outcome.kind === 'issued' ? outcome.certificateId : undefined));
      expect(ids[0]).toBeDefined();
      expect(ids[0]).toBe(ids[1]);
    });

    test('more than the platform does at once, the rest is told to come again', async () => {
      await reopen({ enrollment: { inFlightMax: 1 } });
      const { secret } = await newToken();
      const outcomes = await Promise.all([enroll(csr, secret), enroll(csr, secret)]);
      expect(outcomes[1]).toMatchObject({ kind: 'refused', reason: 'busy', fault: 'busy' });
    });
  });

  describe('when the platform itself fails', () => {
    test('in signing, the token keeps its use and nothing is left behind', async () => {
      let isBroken = true;
      const failing = async () => Promise.reject(new Error('the signing process is gone'));
      await reopen({
        wrapSigner: (signer) => ({
          ...signer,
          sign: (message) => (isBroken ? failing() : signer.sign(message)),
        }),
      });
      const { secret } = await newToken();
      await expect(enroll(csr, secret)).rejects.toThrow('the signing process is gone');
      expect(await platform.certificates.page({ limit: 10 })).toEqual([]);
      isBroken = false;
      expect((await enroll(csr, secret)).kind).toBe('issued');
    });
  });

  test('with a clock before 2020, nobody is given a certificate', async () => {
    const { secret } = await newToken();
    const nowMs = platform.clock.now();
    platform.clock.set('2019-12-31T23:59:59Z');
    expect(await enroll(csr, secret)).toMatchObject({ reason: 'clock_unset', fault: 'busy' });
    platform.clock.set(nowMs);
    expect((await enroll(csr, secret)).kind).toBe('issued');
  });

  test('refused attempts are written at a bounded rate and kept to a bounded number', async () => {
    await reopen({ enrollment: { refusalsStoredPerSecondMax: 3, strangersKeptMax: 4 } });
    for (let n = 0; n < 5; n++) await enroll(csr, 'wrong');
    expect(await platform.enrollment.attempts(10)).toHaveLength(3);
    platform.clock.advance(1000);
    for (let n = 0; n < 5; n++) await enroll(csr, 'wrong');
    expect(await platform.enrollment.attempts(10)).toHaveLength(4);
    expect(platform.denials.counts().get('enrollment_refused')).toBe(10);
  });

  test('strangers push out the traces of strangers, and of nobody else', async () => {
    await reopen({
      enrollment: { attemptsKeptMax: 5, strangersKeptMax: 2, refusalsStoredPerSecondMax: 100 },
    });
    await enroll(csr, (await newToken()).secret);
    for (let knock = 0; knock < 8; knock++) await enroll(csr, `fwj_${'A'.repeat(43)}`);
    const reasons = (await platform.enrollment.attempts(100)).map(({ reason }) => reason);
    expect(reasons).toEqual(['token_unknown', 'token_unknown', 'ok']);
  });

  test('the secret of a join token is nowhere but in the answer', async () => {
    const { secret } = await newToken();
    expect(secret).toMatch(/^fwj_[A-Za-z0-9_-]{43}$/);
    const kept = JSON.stringify([await platform.enrollment.tokens.list(), await trailOf(platform.trail)]);
    expect(kept).not.toContain(secret.slice(4));
  });
});
