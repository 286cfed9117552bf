import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { encodePem } from '@fleetward/pki';
import {
  attachPolicy,
  attachThingCertificate,
  createPolicy,
  createProvisioningTemplate,
  createThing,
  createVendorCaCode,
  getCertificate,
  getEnrollmentAttempt,
  listDenials,
  listEnrollmentAttempts,
  registeredTopic,
  registerVendorCa,
  revokeCertificate,
  setCertificateState,
  setVendorCaState,
} from '@fleetward/protocol';
import { mosquittoClients } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lampPolicy } from '../provisioning/fleet.ts';
import { newVendor, type Vendor, type VendorDevice } from '../vendor-cas/vendor.ts';
import { allowAll, connectMqtt, ended } from './raw-peers.ts';

/** As AWS has it for just-in-time provisioning. */
const template = {
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: {
        ThingName: { 'Fn::Join': ['', ['acme-', { Ref: 'AWS::IoT::Certificate::SerialNumber' }]] },
        AttributePayload: { maker: { Ref: 'AWS::IoT::Certificate::Organization' } },
      },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'lamps' } },
  },
};

let platform: TestPlatform;
let provisioning: Vendor;
let registering: Vendor;

beforeAll(async () => {
  platform = await startTestPlatform();
  await allowAll(platform);
  await platform.api.call(createPolicy, { body: { policyName: 'lamps', document: lampPolicy } });
  const body = { templateName: 'acme', template: JSON.stringify(template) };
  await platform.api.call(createProvisioningTemplate, { body });
  provisioning = await registered('/O=Acme/CN=Acme Device CA', 'acme');
  registering = await registered('/O=Bolt/CN=Bolt Device CA');
});
afterAll(() => platform.stop());

async function registered(subject: string, templateName?: string): Promise<Vendor> {
  const vendor = await newVendor(platform.folder, { subject });
  const { code } = await platform.api.call(createVendorCaCode);
  const verificationPem = encodePem('CERTIFICATE', (await vendor.verify(code)).der);
  const wanted = templateName === undefined ? {} : { templateName };
  await platform.api.call(registerVendorCa, { body: { caPem: vendor.caPem, verificationPem, ...wanted } });
  return vendor;
}

function publish({ certFile, keyFile }: VendorDevice, thingName: string) {
  const { mqtt } = platform.platform.ports;
  const tls = ['--cafile', platform.rootFile, '--cert', certFile, '--key', keyFile];
  return mosquittoClients(['-h', 'localhost', '-p', String(mqtt), ...tls], { timeoutMs: 20_000 }).publish([
    ...['-i', thingName, '-t', `state/${thingName}`, '-m', 'on', '-q', '1'],
  ]);
}

/** Waits for what the first connection came to. */
async function attemptOf({ certificate }: VendorDevice) {
  const find = async () => {
    const { attempts } = await platform.api.call(listEnrollmentAttempts, { query: {} });
    return attempts.find(({ certificateId }) => certificateId === certificate.id);
  };
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  const { attemptId } = (await find())!;
  return platform.api.call(getEnrollmentAttempt, { params: { attemptId } });
}

async function provisioned(serialNumber: string): Promise<VendorDevice> {
  const device = await provisioning.device(`/O=Acme/serialNumber=${serialNumber}/CN=lamp`);
  expect((await publish(device, `acme-${serialNumber}`)).code).not.toBe(0);
  await attemptOf(device);
  return device;
}

function open({ certFile, keyFile }: VendorDevice, session?: Buffer): Promise<TLSSocket> {
  const socket = connect({
    ...{ host: 'localhost', port: platform.platform.ports.mqtt, ca: platform.rootPem },
    ...{ cert: readFileSync(certFile), key: readFileSync(keyFile) },
    ...(session === undefined ? {} : { session }),
  });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function lastDenial({ certificate }: VendorDevice) {
  const query = { certificateId: certificate.id, limit: 1 };
  return (await platform.api.call(listDenials, { query })).denials[0];
}

describe('a device of a vendor CA with a template', () => {
  test('is cut at its first connection, becomes the thing of the template, and speaks at its second', async () => {
    const device = await provisioning.device('/O=Acme/serialNumber=7/CN=lamp');
    expect((await publish(device, 'acme-7')).code).not.toBe(0);
    const attempt = await attemptOf(device);
    expect(attempt).toMatchObject({
      outcome: 'provisioned',
      thingName: 'acme-7',
      operation: 'first-connection',
    });
    expect(attempt.steps.map(({ step }) => step)).toEqual([
      'vendor-ca',
      'room',
      'key',
      'subject',
      'template',
      'parameters',
      'thing',
      'rights',
    ]);
    expect(await lastDenial(device)).toMatchObject({
      cause: 'certificate_new',
      explanation: expect.stringMatching(/to be provisioned by template .* why not, is in the attempt/),
    });
    expect(await publish(device, 'acme-7')).toMatchObject({ code: 0 });
    const params = { certificateId: device.certificate.id };
    expect(await platform.api.call(getCertificate, { params })).toMatchObject({
      profile: 'vendor',
      issuerId: provisioning.ca.id,
      state: 'ACTIVE',
      thingNames: ['acme-7'],
      policyNames: ['lamps'],
    });
  });

  test('is told to the operator step by step where its subject lacks what the template needs', async () => {
    const device = await provisioning.device('/O=Acme/CN=lamp');
    await publish(device, 'acme-8');
    const attempt = await attemptOf(device);
    expect(attempt.steps.at(-1)).toMatchObject({
      step: 'parameters',
      outcome: 'refused',
      detail: expect.stringContaining(
        'template `acme`: parameter `AWS::IoT::Certificate::SerialNumber` missing',
      ),
    });
    expect(await lastDenial(device)).toMatchObject({ cause: 'enrollment_refused' });
  });

  test('is cut when it is revoked, though no CRL of ours can name it, and never comes back', async () => {
    const device = await provisioned('9');
    const socket = await open(device);
    expect(await connectMqtt(socket, 'acme-9')).toBe(0);
    const cut = ended(socket);
    const params = { certificateId: device.certificate.id };
    const revoked = await platform.api.call(revokeCertificate, { params, body: {} });
    expect(revoked).toMatchObject({ outcome: 'revoked', sessionsCut: 1 });
    expect(revoked).not.toHaveProperty('crlNumber');
    await cut;
    expect((await publish(device, 'acme-9')).code).not.toBe(0);
    expect(await lastDenial(device)).toMatchObject({ cause: 'certificate_revoked' });
    await platform.restart();
    expect((await publish(device, 'acme-9')).code).not.toBe(0);
  });

  test('is cut at once when its CA is switched off, also on a TLS session that it resumes, until the CA is on again', async () => {
    const device = await provisioned('10');
    const socket = await open(device);
    const ticket = new Promise<Buffer>((resolve) => socket.once('session', resolve));
    expect(await connectMqtt(socket, 'acme-10')).toBe(0);
    const session = await ticket;
    const cut = ended(socket);
    const params = { certificateId: provisioning.ca.id };
    const set = (state: 'active' | 'inactive') =>
      platform.api.call(setVendorCaState, { params, body: { state } });
    expect(await set('inactive')).toMatchObject({ sessionsCut: 1 });
    await cut;
    const resumed = await open(device, session);
    expect(await connectMqtt(resumed, 'acme-10')).toBe('closed');
    expect(await lastDenial(device)).toMatchObject({
      cause: 'certificate_untrusted',
      explanation: expect.stringContaining('switched off'),
    });
    const stranger = await provisioning.device('/O=Acme/serialNumber=11/CN=lamp');
    expect((await publish(stranger, 'acme-11')).code).not.toBe(0);
    expect(await lastDenial(stranger)).toMatchObject({ cause: 'certificate_untrusted' });
    await set('active');
    expect(await publish(device, 'acme-10')).toMatchObject({ code: 0 });
  });

  test.each([
    [
      'no purpose of a client',
      { extensions: ['authorityKeyIdentifier=keyid'] },
      /extended key usage.*RFC 5280/,
    ],
    [
      'a CA mark',
      {
        extensions: [
          'basicConstraints=critical,CA:TRUE',
          'extendedKeyUsage=clientAuth',
          'authorityKeyIdentifier=keyid',
        ],
      },
      /not presented as a leaf.*RFC 5280/,
    ],
    [
      'no word of its issuer’s key',
      { extensions: ['extendedKeyUsage=clientAuth', 'authorityKeyIdentifier=none'] },
      /authority key identifier.*RFC 5280/,
    ],
  ])('is held to the rules of our own paths: %s', async (_, options, says) => {
    const device = await provisioning.device('/O=Acme/serialNumber=12/CN=lamp', options);
    await publish(device, 'acme-12');
    expect(await lastDenial(device)).toMatchObject({
      cause: 'certificate_untrusted',
      explanation: expect.stringMatching(says),
    });
  });

  test('of another key under the name of the CA is nobody', async () => {
    const mallory = await newVendor(platform.folder);
    const device = await mallory.device('/O=Acme/serialNumber=13/CN=lamp');
    await publish(device, 'acme-13');
    expect(await lastDenial(device)).toMatchObject({ cause: 'certificate_untrusted' });
  });
});

describe('a device of a vendor CA without a template', () => {
  test('is registered, told of as AWS IoT does, and speaks once an operator has activated it', async () => {
    const service = await platform.enrol('service', { policies: ['all'] });
    const tls = ['--cafile', platform.rootFile, '--cert', service.certFile, '--key', service.keyFile];
    const listening = mosquittoClients(
      ['-h', 'localhost', '-p', String(platform.platform.ports.mqtt), ...tls],
      { timeoutMs: 30_000 },
    ).subscribe(['-d', '-i', 'service', '-C', '1', '-t', registeredTopic(registering.ca.id)]);
    await listening.waitForOutput(/Subscribed/);
    const device = await registering.device('/CN=valve-1');
    const certificateId = device.certificate.id;
    expect((await publish(device, 'valve-1')).code).not.toBe(0);
    const attempt = await attemptOf(device);
    expect(attempt).toMatchObject({ outcome: 'registered' });
    const { stdout } = await listening.outcome;
    expect(stdout.toString()).toContain(`"certificateId":"${certificateId}"`);
    expect(stdout.toString()).toContain(`"caCertificateId":"${registering.ca.id}"`);
    expect(stdout.toString()).toContain('"certificateStatus":"PENDING_ACTIVATION"');
    expect((await publish(device, 'valve-1')).code).not.toBe(0);
    expect(await lastDenial(device)).toMatchObject({ cause: 'certificate_pending' });
    await platform.api.call(createThing, { body: { thingName: 'valve-1' } });
    await platform.api.call(attachThingCertificate, {
      params: { thingName: 'valve-1', certificateId },
      body: { exclusive: false },
    });
    await platform.api.call(attachPolicy, { params: { policyName: 'lamps', certificateId } });
    await platform.api.call(setCertificateState, { params: { certificateId }, body: { state: 'ACTIVE' } });
    expect(await publish(device, 'valve-1')).toMatchObject({ code: 0 });
  });

  test('is told of again at the next start while it waits: what was told before a crash may have reached nobody', async () => {
    const told = async (device: VendorDevice) => {
      await publish(device, 'valve-2');
      await attemptOf(device);
    };
    const [missed, done] = [await registering.device('/CN=valve-2'), await registering.device('/CN=valve-3')];
    for (const device of [missed, done]) await told(device);
    const params = { certificateId: done.certificate.id };
    await platform.api.call(setCertificateState, { params, body: { state: 'ACTIVE' } });
    const service = await platform.enrol('late-service', { policies: ['all'] });
    const listen = (...args: readonly string[]) =>
      mosquittoClients(
        [
          ...['-h', 'localhost', '-p', String(platform.platform.ports.mqtt), '--cafile', platform.rootFile],
          ...['--cert', service.certFile, '--key', service.keyFile],
        ],
        { timeoutMs: 30_000 },
      ).subscribe(['-i', 'late-service', '-c', '-q', '1', '-t', registeredTopic(registering.ca.id), ...args]);
    expect((await listen('-E').outcome).stdout.toString()).toBe('');
    await platform.restart();
    const { stdout } = await listen('-C', '1').outcome;
    expect(stdout.toString()).toContain(`"certificateId":"${missed.certificate.id}"`);
    const { stdout: more } = await listen('-W', '1').outcome;
    expect(more.toString()).not.toContain(done.certificate.id);
  });
});
