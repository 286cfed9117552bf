import { createPublicKey } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import { parsePolicyName, parseThingName } from '@fleetward/core';
import { parseCsrPem, parsePublicKey } from '@fleetward/pki';
import { openssl, temporaryFolder } from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAdmission } from '../../src/gateway/admission.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import {
  openPlatform,
  type Platform,
  type PlatformOptions,
  reopened,
} from '../certificates/test-platform.ts';
import { askedBy, lampPolicy, operator } from '../provisioning/fleet.ts';
import { newVendor, type Vendor, type VendorDevice } from './vendor.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;
const address = '192.0.2.9';

const template = {
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'lamps' } },
  },
};

let folder = temporaryFolder();
let platform: Platform;
let vendor: Vendor;

async function start(options: Partial<PlatformOptions> = {}): Promise<void> {
  platform = await openPlatform({ folder: folder.path, ...options });
  platform.clock.set(Date.now() + minuteMs);
  await platform.policies.create({ name: parsePolicyName('lamps'), document: lampPolicy }, operator);
  const body = JSON.stringify(template);
  await platform.provisioning.templates.create({ name: 'any', body, mayRejoin: true }, operator);
  vendor = await register('/CN=Acme CA');
}
const end = async (): Promise<void> => {
  await platform.close();
  folder.remove();
  folder = temporaryFolder();
};

async function register(subject: string, from?: Vendor): Promise<Vendor> {
  const made = from ?? (await newVendor(folder, { subject }));
  const { code } = await platform.vendorCas.codes.create(operator);
  const verification = await made.verify(code);
  await platform.vendorCas.register({ ca: made.ca, verification, templateName: 'any' }, operator);
  return made;
}

const admit = (graceMs = 0) =>
  createAdmission({ ...platform, known: new KnownCertificates({ certificatesMax: 10 }), graceMs });

/** As the gateway does: admission first, and only whom it calls new is met. */
async function connect({ certificate }: VendorDevice): Promise<string> {
  const admission = admit()(certificate.der);
  if (admission.kind !== 'refused') return admission.kind;
  if (admission.newcomer === undefined) return admission.cause;
  await platform.vendorCas.firstConnections.meet(admission.newcomer, address);
  const attempts = await platform.enrollment.attempts(20);
  const own = attempts.find(({ certificateId }) => certificateId === certificate.id);
  return own === undefined ? 'passed over' : own.outcome === 'refused' ? own.reason : own.outcome;
}

const device = (name: string, options?: Parameters<Vendor['device']>[1]) =>
  vendor.device(`/CN=${name}`, options);

describe('a first connection is refused', () => {
  beforeAll(() => start());
  afterAll(end);

  test('with a key that another certificate has, of this CA or of ours', async () => {
    const first = await device('one');
    expect(await connect(first)).toBe('provisioned');
    expect(await connect(await device('two', { keyFile: first.keyFile }))).toBe('key_in_use');
    const own = await device('three');
    const spki = createPublicKey(readFileSync(own.keyFile)).export({ type: 'spki', format: 'der' });
    const publicKey = parsePublicKey(new Uint8Array(spki));
    await platform.certificates.issue({ profile: 'device', commonName: 'ours', publicKey }, operator);
    expect(await connect(own)).toBe('key_in_use');
  });

  test('with the serial number of another certificate of its CA', async () => {
    expect(await connect(await device('seventy', { serial: '77' }))).toBe('provisioned');
    expect(await connect(await device('eighty', { serial: '77' }))).toBe('serial_in_use');
  });

  test('for a thing that a certificate of ours, or of another vendor, speaks for, though its template lets names be taken', async () => {
    const thingName = parseThingName('boiler');
    const { record } = await ours('boiler');
    await platform.things.create({ name: thingName }, operator);
    const attachment = { thingName, certificateId: record.certificateId, exclusive: false };
    await platform.things.attachments.attach(attachment, operator);
    expect(await connect(await device('boiler'))).toBe('thing_has_certificate');
    // Not either once it is revoked or detached: the name is not this vendor's.
    await platform.things.attachments.detach(attachment, operator);
    expect(await connect(await device('boiler'))).toBe('thing_has_certificate');
    expect(await connect(await device('pump'))).toBe('provisioned');
    const other = await register('/CN=Bolt CA');
    expect(await connect(await other.device('/CN=pump'))).toBe('thing_has_certificate');
  });

  test('with a subject that names itself twice, or in no way a thing can be named', async () => {
    expect(await connect(await device('one/CN=two'))).toBe('parameters_unfit');
    expect(await connect(await device('a b'))).toBe('parameters_unfit');
    expect(await connect(await device('$aws'))).toBe('parameters_unfit');
  });

  test('while its template or its CA is switched off', async () => {
    const late = await device('late');
    const newcomer = { certificate: late.certificate, vendorCaId: vendor.ca.id };
    await platform.vendorCas.setState(vendor.ca.id, 'inactive', operator);
    // The handshake was before.
    await platform.vendorCas.firstConnections.meet(newcomer, address);
    expect((await platform.enrollment.attempts(1))[0]).toMatchObject({ reason: 'vendor_ca_gone' });
    expect(platform.things.known(parseThingName('late'))).toBeUndefined();
    expect(platform.certificates.isKnown(late.certificate.id)).toBe(false);
    await platform.vendorCas.setState(vendor.ca.id, 'active', operator);
    await platform.provisioning.templates.update('any', { isEnabled: false }, operator);
    expect(await connect(await device('later'))).toBe('template_off');
    await platform.provisioning.templates.update('any', { isEnabled: true }, operator);
  });

  test('while the clock of the platform says a year before 2020', async () => {
    const { certificate } = await device('early');
    const nowMs = platform.clock.now();
    platform.clock.set('2019-12-31T23:59:59Z');
    await platform.vendorCas.firstConnections.meet({ certificate, vendorCaId: vendor.ca.id }, address);
    platform.clock.set(nowMs);
    const attempts = await platform.enrollment.attempts(100);
    const own = attempts.find(({ certificateId }) => certificateId === certificate.id);
    expect(own).toMatchObject({ outcome: 'refused', reason: 'clock_unset' });
    expect(platform.certificates.isKnown(certificate.id)).toBe(false);
  });

  test('and not looked at again at once, but later', async () => {
    await platform.provisioning.templates.update('any', { isEnabled: false }, operator);
    const one = await device('patient');
    expect(await connect(one)).toBe('template_off');
    await platform.provisioning.templates.update('any', { isEnabled: true }, operator);
    await connect(one);
    expect(platform.vendorCas.firstConnections.counts).toMatchObject({ passedOver: 1, underWay: 0 });
    platform.clock.advance(11_000);
    expect(await connect(one)).toBe('provisioned');
    expect(await connect(one)).toBe('admitted');
  });
});

describe('first connections are bounded', () => {
  afterEach(end);

  test('as many certificates of a CA come in as the settings allow, also when all come at once', async () => {
    await start({ vendorCas: { certificatesPerCaMax: 2 } });
    const devices = await Promise.all(['a', 'b', 'c', 'd'].map((name) => device(name)));
    await Promise.all(devices.map(connect));
    expect(platform.certificates.countOf(vendor.ca.id)).toBeLessThanOrEqual(2);
    platform.clock.advance(11_000);
    for (const each of devices) await connect(each);
    expect(platform.certificates.countOf(vendor.ca.id)).toBe(2);
    const [last] = await platform.enrollment.attempts(1);
    expect(last).toMatchObject({ reason: 'vendor_ca_full' });
  });

  test('a CA that is over its rate takes nothing from another one', async () => {
    await start({ vendorCas: { firstConnectionsPerSecondPerCaMax: 2 } });
    const other = await register('/CN=Bolt CA');
    const outcomes: string[] = [];
    for (const name of ['a', 'b', 'c']) outcomes.push(await connect(await device(name)));
    expect(outcomes).toEqual(['provisioned', 'provisioned', 'vendor_ca_busy']);
    expect(await connect(await other.device('/CN=z'))).toBe('provisioned');
  });
});

describe('what was taken from a vendor’s device stays taken', () => {
  beforeEach(() => start());
  afterEach(end);

  test('over a restored backup that never knew it', async () => {
    platform = await reopened(platform);
    copyFileSync(folder.join('records.db'), folder.join('backup.db'));
    const one = await device('one');
    await connect(one);
    await platform.certificates.revoke(
      { certificateId: one.certificate.id, reason: 'unspecified' },
      operator,
    );
    platform = await reopened(platform, 'backup.db');
    expect(platform.certificates.isKnown(one.certificate.id)).toBe(false);
    expect(await connect(one)).toBe('certificate_revoked');
  });

  test('also when its record and its CA are deleted, and the CA is registered again', async () => {
    const one = await device('one');
    await connect(one);
    const certificateId = one.certificate.id;
    await platform.certificates.revoke({ certificateId, reason: 'unspecified' }, operator);
    await platform.things.attachments.detach({ thingName: parseThingName('one'), certificateId }, operator);
    await platform.policies.attachments.detach(
      { policyName: parsePolicyName('lamps'), certificateId },
      operator,
    );
    await platform.certificates.remove(certificateId, operator);
    expect(await connect(one)).toBe('certificate_revoked');
    await platform.vendorCas.setState(vendor.ca.id, 'inactive', operator);
    await platform.vendorCas.remove(vendor.ca.id, operator);
    expect(await connect(one)).toBe('certificate_untrusted');
    await register('', vendor);
    expect(await connect(one)).toBe('certificate_revoked');
  });

  test('a judged device does not come back with another certificate of its vendor', async () => {
    const one = await device('one');
    await connect(one);
    const wanted = { certificateId: one.certificate.id, reason: 'keyCompromise' } as const;
    await platform.certificates.revoke(wanted, operator);
    expect(await connect(await device('one'))).toBe('thing_revoked');
  });
});

describe('a vendor’s certificate', () => {
  beforeEach(() => start());
  afterEach(end);

  test('ends with its CA, has no grace, and is not renewed here', async () => {
    const short = await register('', await newVendor(folder, { subject: '/CN=Short CA', days: '20' }));
    const one = await short.device('/CN=one', { days: '300' });
    await connect(one);
    expect(admit()(one.certificate.der)).toMatchObject({
      kind: 'admitted',
      endsAtMs: short.ca.notAfterMs,
    });
    platform.clock.advance(30 * dayMs);
    expect(admit(365 * dayMs)(one.certificate.der)).toMatchObject({
      kind: 'refused',
      cause: 'certificate_expired',
    });
    const { der: csrDer } = parseCsrPem(readFileSync(one.csrFile));
    const binding = { kind: 'none', why: 'a test' } as const;
    const current = one.certificate;
    expect(
      await platform.enrollment.renew({ csrDer, current, remoteAddress: address, binding }),
    ).toMatchObject({ reason: 'certificate_profile' });
  });

  test('outlives the certificate of its CA that it came in by, once the vendor has renewed that', async () => {
    const short = await register('', await newVendor(folder, { subject: '/CN=Short CA', days: '20' }));
    const one = await short.device('/CN=one', { days: '300' });
    await connect(one);
    platform.clock.advance(10 * dayMs);
    const { code } = await platform.vendorCas.codes.create(operator);
    const ca = await short.again('/CN=Short CA', '400');
    await platform.vendorCas.register({ ca, verification: await short.verify(code) }, operator);
    platform.clock.advance(20 * dayMs);
    expect(admit()(one.certificate.der)).toMatchObject({
      kind: 'admitted',
      endsAtMs: one.certificate.notAfterMs,
    });
  });

  test('never speaks for what a CA of ours issued, and the other way round', async () => {
    const { certificate } = await ours('mine');
    expect(admit()(certificate.der).kind).toBe('admitted');
    await platform.vendorCas.setState(vendor.ca.id, 'inactive', operator);
    expect(admit()(certificate.der).kind).toBe('admitted');
    // Its issuer's name is ours, its key is not.
    const liar = await newVendor(folder, { subject: '/CN=Test Issuing CA' });
    expect(admit()((await liar.device('/CN=mine')).certificate.der)).toMatchObject({
      cause: 'certificate_untrusted',
    });
  });
});

async function ours(commonName: string) {
  const { keyFile } = await device(`key of ${commonName}`);
  const spki = createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' });
  const publicKey = parsePublicKey(new Uint8Array(spki));
  return platform.certificates.issue({ profile: 'device', commonName, publicKey }, operator);
}

test('that waits for an operator keeps its place, also where its key asks with a claim', async () => {
  await start();
  try {
    const maker = await newVendor(folder, { subject: '/CN=Untemplated CA' });
    const { code } = await platform.vendorCas.codes.create(operator);
    await platform.vendorCas.register({ ca: maker.ca, verification: await maker.verify(code) }, operator);
    const waiting = await maker.device('/CN=waits');
    expect(await connect(waiting)).toBe('registered');
    const wanted = { templateName: 'any', validityMs: 5 * minuteMs };
    const { claim } = await platform.provisioning.claims.create(wanted, operator);
    const csr = await openssl(['req', '-in', waiting.csrFile]);
    const asked = await platform.provisioning.createFromCsr(askedBy(claim), csr.toString());
    expect(asked).toMatchObject({ kind: 'refused', reason: 'key_in_use' });
    const { id } = waiting.certificate;
    expect(platform.certificates.standing(id, platform.clock.now())).toBe('pending');
  } finally {
    await end();
  }
});
