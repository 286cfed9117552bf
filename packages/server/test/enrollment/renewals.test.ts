import { writeFileSync } from 'node:fs';
import { type CertificateId, parsePolicyName, parseThingName, type Signer } from '@fleetward/core';
import { type Certificate, parseCsr, validatePath } from '@fleetward/pki';
import { needs, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EnrollmentOutcome } from '../../src/enrollment/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import { openPlatform, type Platform, reopened, trailOf } from '../certificates/test-platform.ts';
import { makeCsr, makeKey } from './device-csr.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const remoteAddress = '192.0.2.7';
const binding = { kind: 'none', why: 'no TLS here' } as const;
const hourMs = 3_600_000;
const policyName = parsePolicyName('telemetry');
const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
const pump = parseThingName('pump');

needs('openssl', 'openssl').describe('re-enrolment', () => {
  let folder: TemporaryFolder;
  let keys: TemporaryFolder;
  let platform: Platform;
  let first: Certificate;
  let csr: Readonly<Record<'same' | 'next' | 'third' | 'other', Uint8Array>>;

  beforeAll(async () => {
    keys = temporaryFolder();
    const subject = '/CN=pump';
    const [one, two, three, four] = [
      await makeKey(keys, 'one', 'ec:P-256'),
      await makeKey(keys, 'two', 'rsa:2048'),
      await makeKey(keys, 'three', 'ec:P-256'),
      await makeKey(keys, 'other', 'ec:P-256'),
    ];
    csr = {
      same: await makeCsr(one, { subject }),
      next: await makeCsr(two, { subject }),
      third: await makeCsr(three, { subject }),
      other: await makeCsr(four, { subject }),
    };
  });
  afterAll(() => keys.remove());

  beforeEach(async () => {
    folder = temporaryFolder();
    platform = await openPlatform({
      folder: folder.path,
      enrollment: { activePerThingMax: 4, serverKeygen: true },
    });
    await platform.policies.create({ name: policyName, document }, operator);
    const wanted = {
      namePattern: '*',
      profile: 'device',
      usesMax: 1,
      validityMs: hourMs,
      policies: [policyName],
    } as const;
    const { secret } = await platform.enrollment.tokens.create(wanted, operator);
    first = leafOf(await platform.enrollment.enroll({ csrDer: csr.same, secret, remoteAddress, binding }));
    platform.clock.advance(hourMs);
  });
  afterEach(async () => {
    await platform.close();
    folder.remove();
  });

  function renew(current: Certificate, csrDer: Uint8Array): Promise<EnrollmentOutcome> {
    return platform.enrollment.renew({ csrDer, current, remoteAddress, binding });
  }

  function standing(certificateId: CertificateId) {
    return platform.certificates.standing(certificateId, platform.clock.now());
  }

  test.each([
    ['a new key', 'next', true],
    ['the same key', 'same', false],
  ] as const)(
    'with %s gives a certificate of the same subject, things and policies',
    async (_, key, isNewKey) => {
      const renewed = leafOf(await renew(first, csr[key]));
      const { roots, issuers: untrusted } = platform.certificates.trust();
      const atMs = platform.clock.now();
      const path = validatePath({ leaf: renewed, untrusted, roots, atMs, purpose: 'clientAuth' });
      expect(path.kind).toBe('accepted');
      expect(renewed.subject.der).toEqual(first.subject.der);
      expect(renewed.notAfterMs).toBeGreaterThan(first.notAfterMs);
      expect(platform.things.attachmentsOf(renewed.id)).toEqual([
        { thingName: pump, certificateId: renewed.id, exclusive: false },
      ]);
      expect(platform.policies.attachedTo(renewed.id).map(({ name }) => name)).toEqual([policyName]);
      expect([standing(first.id), standing(renewed.id)]).toEqual(['active', 'active']);
      const trail = await trailOf(platform.trail);
      expect(trail.at(-1)).toEqual({
        kind: 'certificate.renewed',
        payload: { certificateId: renewed.id, renews: first.id, isNewKey, isInGrace: false },
      });
      expect((await platform.enrollment.attempts(1))[0]).toMatchObject({
        outcome: 'renewed',
        certificateId: renewed.id,
      });
    },
  );

  test('keeps an exclusive attachment exclusive', async () => {
    await platform.things.attachments.detach({ thingName: pump, certificateId: first.id }, operator);
    const exclusive = { thingName: pump, certificateId: first.id, exclusive: true };
    await platform.things.attachments.attach(exclusive, operator);
    const renewed = leafOf(await renew(first, csr.next));
    expect(platform.things.attachmentsOf(renewed.id)[0]?.exclusive).toBe(true);
  });

  test('after its certificate ended says so in the trail', async () => {
    platform.clock.set(first.notAfterMs + hourMs);
    const renewed = leafOf(await renew(first, csr.next));
    expect([standing(first.id), standing(renewed.id)]).toEqual(['expired', 'active']);
    expect((await trailOf(platform.trail)).at(-1)?.payload).toMatchObject({ isInGrace: true });
  });

  test.each(['next', 'same'] as const)(
    'whose answer was lost gives the same certificate again (%s key)',
    async (key) => {
      const lost = leafOf(await renew(first, csr[key]));
      platform.clock.advance(hourMs);
      const again = await renew(first, csr[key]);
      expect(again).toMatchObject({ kind: 'issued', isRepeated: true });
      expect(leafOf(again).id).toBe(lost.id);
      // Once the device uses the new one, the same key brings a newer one.
      if (key === 'same') expect(leafOf(await renew(lost, csr[key])).id).not.toBe(lost.id);
    },
  );

  test('asked twice at once for one key issues once', async () => {
    const outcomes = await Promise.all([renew(first, csr.next), renew(first, csr.next)]);
    const [one, two] = outcomes.map((outcome) => leafOf(outcome).id);
    expect(one).toBe(two);
  });

  test('refuses another subject, or alternative names that the certificate lacks', async () => {
    const key = await makeKey(keys, 'other', 'ec:P-256');
    const named = await makeCsr(key, { subject: '/CN=valve' });
    const more = await makeCsr(key, { subject: '/CN=pump/O=Acme' });
    const alternative = await makeCsr(key, {
      subject: '/CN=pump',
      extra: ['-addext', 'subjectAltName=DNS:valve'],
    });
    for (const csrDer of [named, more, alternative])
      expect(await renew(first, csrDer)).toMatchObject({ reason: 'subject_differs', fault: 'request' });
    const [denial] = platform.denials.list({ limit: 1 });
    expect(denial).toMatchObject({ cause: 'enrollment_refused', certificateId: first.id });
    expect(denial?.explanation).toMatch(/RFC 7030 section 4\.2\.2/);
  });

  test('takes the same subject in another string type', async () => {
    const key = await makeKey(keys, 'printable', 'ec:P-256');
    const config = keys.join('printable.cnf');
    writeFileSync(
      config,
      '[req]\nstring_mask = pkix\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = pump\n',
    );
    const csrDer = await makeCsr(key, { subject: '/CN=pump', extra: ['-config', config] });
    expect(await renew(first, csrDer)).toMatchObject({ kind: 'issued' });
  });

  test('refuses a key that belongs to another certificate, or to a revoked one', async () => {
    const other = leafOf(await renew(first, csr.next));
    platform.clock.advance(hourMs);
    const third = leafOf(await renew(other, csr.third));
    // The thing's own, but older: going back is not renewing.
    expect(await renew(third, csr.next)).toMatchObject({ reason: 'key_in_use' });
    const renewed = leafOf(await renew(first, csr.same));
    await platform.certificates.revoke({ certificateId: first.id, reason: 'keyCompromise' }, operator);
    platform.clock.advance(hourMs);
    expect(await renew(renewed, csr.same)).toMatchObject({ reason: 'key_in_use' });
  });

  test.each([
    ['and keeps nothing of it', false],
    ['also where the database fails to take the revocation', true],
  ])('refuses what is revoked while it is being signed, %s', async (_, failsOnce) => {
    const { keys, clock } = platform;
    await platform.close();
    const [asked, revoked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const wrapSigner = (signer: Signer): Signer => ({
      ...signer,
      sign: async (message) => {
        asked.resolve();
        await revoked.promise;
        return signer.sign(message);
      },
    });
    let isBroken = false;
    const wrapStorage = (storage: Storage): Storage => ({
      ...storage,
      transactor: {
        transact: (work) =>
          isBroken ? Promise.reject(new Error('the disk is full')) : storage.transactor.transact(work),
      },
    });
    platform = await openPlatform({ folder: folder.path, keys, clock, wrapSigner, wrapStorage });
    const renewing = renew(first, csr.next);
    await asked.promise;
    isBroken = failsOnce;
    const revoking = platform.certificates.revoke(
      { certificateId: first.id, reason: 'keyCompromise' },
      operator,
    );
    if (failsOnce)
      await expect(revoking).rejects.toMatchObject({ code: 'certificates.revocation_unrecorded' });
    else await revoking;
    isBroken = false;
    revoked.resolve();
    expect(await renewing).toMatchObject({ reason: 'certificate_not_active', fault: 'certificate' });
    expect(platform.things.certificatesOf(pump)).toHaveLength(1);
  });

  test('refuses a certificate that speaks for no thing', async () => {
    await platform.things.attachments.detach({ thingName: pump, certificateId: first.id }, operator);
    expect(await renew(first, csr.next)).toMatchObject({ reason: 'certificate_unattached' });
  });

  test('takes the alternative names of the profile in the request or leaves them out, and no others', async () => {
    const key = await makeKey(keys, 'named', 'ec:P-256');
    const asking = (uri: string) =>
      makeCsr(key, { subject: '/CN=pump', extra: ['-addext', `subjectAltName=URI:${uri}`] });
    const refused = { reason: 'subject_differs' };
    expect(await renew(first, await asking('urn:fleetward:claim:pump'))).toMatchObject(refused);
    expect(await renew(first, await asking('urn:example:pump'))).toMatchObject(refused);
    expect(await renew(first, await asking('urn:fleetward:thing:pump'))).toMatchObject({ kind: 'issued' });
  });

  test('keeps the other names that a certificate has, whether the request repeats them or has none', async () => {
    const dns = (value: string) => ({ kind: 'dns', value }) as const;
    const request = { profile: 'device', commonName: 'pump', subjectAltName: [dns('pump.example')] } as const;
    const { publicKey } = parseCsr(csr.next);
    const { certificate } = await platform.certificates.issue({ ...request, publicKey }, operator);
    const attachment = { thingName: pump, certificateId: certificate.id, exclusive: false };
    await platform.things.attachments.attach(attachment, operator);
    const names = leafOf(await renew(certificate, csr.third)).extensions.subjectAltName;
    expect(names).toEqual([{ kind: 'uri', value: 'urn:fleetward:thing:pump' }, dns('pump.example')]);
  });

  test('renews a certificate whose key is in a TPM with this key only, and it stays one', async () => {
    const commonName = 'pump';
    const request = { profile: 'tpm-device', commonName, publicKey: parseCsr(csr.next).publicKey } as const;
    const { certificate } = await platform.certificates.issue(request, operator);
    const attachment = { thingName: pump, certificateId: certificate.id, exclusive: false };
    await platform.things.attachments.attach(attachment, operator);
    expect(await renew(certificate, csr.third)).toMatchObject({ reason: 'certificate_profile' });
    const asked = { csrDer: csr.third, current: certificate, remoteAddress, binding };
    const refused = await platform.enrollment.renewWithMadeKey(asked);
    expect(refused).toMatchObject({ reason: 'certificate_profile' });
    const [attempt] = await platform.enrollment.attempts(1);
    const { steps } = await platform.enrollment.attempt(attempt!.attemptId);
    expect(steps.map(({ step }) => step)).not.toContain('key-making');
    platform.clock.advance(hourMs);
    const { id } = leafOf(await renew(certificate, csr.next));
    expect(platform.certificates.summary(id)?.profile).toBe('tpm-device');
  });

  test.each(['claim', 'operator'] as const)('renews no `%s` certificate', async (profile) => {
    const request = { profile, commonName: 'pump', publicKey: parseCsr(csr.next).publicKey } as const;
    const { certificate } = await platform.certificates.issue(request, operator);
    const attachment = { thingName: pump, certificateId: certificate.id, exclusive: false };
    await platform.things.attachments.attach(attachment, operator);
    expect(await renew(certificate, csr.next)).toMatchObject({ reason: 'certificate_profile' });
  });

  test('is undone with the certificate that was renewed, over all generations, also after a restart', async () => {
    const second = leafOf(await renew(first, csr.next));
    platform.clock.advance(hourMs);
    const third = leafOf(await renew(second, csr.third));
    const request = {
      profile: 'device',
      commonName: 'pump',
      publicKey: parseCsr(csr.other).publicKey,
    } as const;
    const byOperator = (await platform.certificates.issue(request, operator)).certificate;
    await platform.things.attachments.detach({ thingName: pump, certificateId: first.id }, operator);
    platform = await reopened(platform);
    const wanted = { certificateId: first.id, reason: 'keyCompromise' } as const;
    const { outcome, successors } = await platform.certificates.revokeWithSuccessors(wanted, operator);
    expect(outcome.kind).toBe('revoked');
    expect([...successors]).toMatchObject([
      [second.id, { kind: 'revoked' }],
      [third.id, { kind: 'revoked' }],
    ]);
    expect(standing(byOperator.id), 'nobody renewed this one').toBe('active');
    const again = await platform.certificates.revokeWithSuccessors(wanted, operator);
    expect([...again.successors.values()].map(({ kind }) => kind)).toEqual([
      'already-revoked',
      'already-revoked',
    ]);
  });

  test('refuses once the thing has too many active certificates, until one is revoked', async () => {
    const second = leafOf(await renew(first, csr.next));
    await renew(first, csr.third);
    await renew(first, csr.same);
    const fourth = await makeCsr(await makeKey(keys, 'four', 'ec:P-256'), { subject: '/CN=pump' });
    const refused = await renew(first, fourth);
    expect(refused).toMatchObject({ reason: 'thing_has_too_many', fault: 'certificate' });
    // A device can have its own put into quarantine, one after the other.
    await platform.certificates.setState({ certificateId: second.id, state: 'INACTIVE' }, operator);
    expect(await renew(first, fourth)).toMatchObject({ reason: 'thing_has_too_many' });
    await platform.certificates.revoke({ certificateId: second.id, reason: 'superseded' }, operator);
    expect(await renew(first, fourth)).toMatchObject({ kind: 'issued' });
  });
});

function leafOf(outcome: EnrollmentOutcome): Certificate {
  if (outcome.kind === 'refused') throw new Error(`${outcome.reason}: ${outcome.explanation}`);
  return outcome.chain[0]!;
}
