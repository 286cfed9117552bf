import { createPolicy, createPolicyVersion, listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import fc from 'fast-check';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Certificates } from '../../src/certificates/index.ts';
import { createAdmission } from '../../src/gateway/admission.ts';
import { Authorizer } from '../../src/gateway/authorizer.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { Things } from '../../src/things/index.ts';
import { VendorCas } from '../../src/vendor-cas/index.ts';

const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });

let platform: TestPlatform;
let device: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'all', document } });
  device = await platform.enrol('pump', { policies: ['all'] });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => platform.stop());

function fault(): never {
  throw new TypeError('a fault of ours');
}

function connect() {
  const { key, cert, thingName: clientId } = device;
  const options = { ca: platform.rootPem, key, cert, clientId, reconnectPeriod: 0 };
  return mqtt.connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, options, false);
}

test('a fault while rights are renewed ends the connection, and neither the change nor the process', async () => {
  const client = await connect();
  const closed = new Promise((resolve) => client.once('close', () => resolve('closed')));
  vi.spyOn(Authorizer.prototype, 'principal').mockImplementation(fault);
  const saved = await platform.api.call(createPolicyVersion, {
    params: { policyName: 'all' },
    body: { document, setAsDefault: true },
  });
  expect(saved).toMatchObject({ versionId: 2, isDefault: true });
  expect(await closed).toBe('closed');
  vi.restoreAllMocks();
  await (await connect()).endAsync();
});

test('a fault while a CONNECT is decided refuses it', async () => {
  vi.spyOn(Authorizer.prototype, 'principal').mockImplementation(fault);
  await expect(connect()).rejects.toThrow();
  vi.restoreAllMocks();
  await (await connect()).endAsync();
});

test('a fault while a peer’s certificate is checked refuses the peer, and the operator is told', async () => {
  vi.spyOn(Certificates.prototype, 'standing').mockImplementation(fault);
  const socket = await platform.connectTls({ key: device.key, cert: device.cert });
  await new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', resolve);
    socket.resume();
  });
  vi.restoreAllMocks();
  const { denials } = await platform.api.call(listDenials, { query: { limit: 1 } });
  expect(denials[0]).toMatchObject({
    cause: 'certificate_untrusted',
    explanation: expect.stringContaining('could not be checked'),
  });
  await (await connect()).endAsync();
});

test('no bytes in place of a certificate make the admission throw or admit', () => {
  const certificates = Object.create(Certificates.prototype) as Certificates;
  const known = new KnownCertificates({ certificatesMax: 1 });
  const vendorCas = Object.create(VendorCas.prototype) as VendorCas;
  const things = Object.create(Things.prototype) as Things;
  const admit = createAdmission({
    certificates,
    vendorCas,
    things,
    known,
    clock: { now: () => 0 },
    graceMs: 0,
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
      expect(admit(der).kind).toBe('refused');
    }),
  );
});
