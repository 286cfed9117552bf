import { readFileSync, writeFileSync } from 'node:fs';
import {
  createClaim,
  createPolicy,
  createProvisioningTemplate,
  getEnrollmentAttempt,
  getThing,
  listEnrollmentAttempts,
  revokeCertificate,
} from '@fleetward/protocol';
import { needs, openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lampPolicy, lampTemplate } from '../../provisioning/fleet.ts';
import { csrFile, curl, madeKeyOf, posting } from './foreign-client.ts';

let platform: TestPlatform;

beforeAll(async () => {
  platform = await startTestPlatform({ settings: { enrollment: { serverKeygen: true } } });
  await platform.api.call(createPolicy, { body: { policyName: 'lamps', document: lampPolicy } });
  await platform.api.call(createProvisioningTemplate, {
    body: { templateName: 'lamps', template: JSON.stringify(lampTemplate) },
  });
});
afterAll(() => platform.stop());

let made = 0;

/** Files of a new claim, as curl takes them. */
async function newClaim(options: { readonly uses?: number } = {}) {
  const {
    certificateId,
    certificatePem,
    privateKeyPem = '',
  } = await platform.api.call(createClaim, {
    body: { templateName: 'lamps', ...(options.uses === undefined ? {} : { usesMax: options.uses }) },
  });
  const [cert, key] = ['pem', 'key'].map((ending) => platform.folder.join(`claim-${++made}.${ending}`));
  writeFileSync(cert!, certificatePem);
  writeFileSync(key!, privateKeyPem);
  return { certificateId, flags: ['--cert', cert!, '--key', key!] };
}

const csrFor = (serialNumber: string) =>
  csrFile(platform.folder, `lamp-${serialNumber}-${++made}`, {
    subject: serialNumber === '' ? '/CN=lamp' : `/CN=lamp/serialNumber=${serialNumber}`,
  });

async function newestAttempt() {
  const { attempts } = await platform.api.call(listEnrollmentAttempts, { query: { limit: 1 } });
  return platform.api.call(getEnrollmentAttempt, { params: { attemptId: attempts[0]!.attemptId } });
}

needs('curl', 'curl').describe('EST with a claim certificate, by curl and openssl', () => {
  test('a device becomes the thing that the template makes of its CSR, and speaks with what it is given', async () => {
    const claim = await newClaim();
    const { csr, key } = await csrFor('7');
    const enrolled = await curl(platform, 'simpleenroll', [...claim.flags, ...posting(csr)]);
    expect(enrolled.status).toBe(200);
    const attempt = await newestAttempt();
    expect(attempt).toMatchObject({ operation: 'simpleenroll', outcome: 'provisioned', thingName: 'lamp-7' });
    expect(attempt.steps.map(({ step }) => step)).toEqual([
      'claim',
      'template',
      'csr',
      'linking',
      'key',
      'subject',
      'issue',
      'parameters',
      'thing',
      'rights',
    ]);
    const thing = await platform.api.call(getThing, { params: { thingName: 'lamp-7' } });
    expect(thing).toMatchObject({ typeName: 'lamp', attributes: { serial: '7', room: 'attic' } });
    const input = Buffer.from(enrolled.body, 'base64');
    const pem = platform.folder.join('lamp-7.pem');
    writeFileSync(pem, await openssl(['pkcs7', '-inform', 'DER', '-print_certs'], { input }));
    const own = { cert: readFileSync(pem), key: readFileSync(key) };
    const socket = await platform.connectTls({ ...own, port: platform.platform.ports.devices });
    expect(socket.authorized).toBe(true);
    socket.destroy();
    // Its answer was lost: the same key gets the same certificate, and no second one.
    const again = await curl(platform, 'simpleenroll', [...claim.flags, ...posting(csr)]);
    expect([again.status, again.body]).toEqual([200, enrolled.body]);
    expect(await newestAttempt()).toMatchObject({ outcome: 'reissued', thingName: 'lamp-7' });
  });

  test('a refusal says why, to the device and step by step to the operator, and stores nothing', async () => {
    const claim = await newClaim();
    const { csr } = await csrFor('');
    const refused = await curl(platform, 'simpleenroll', [...claim.flags, ...posting(csr)]);
    expect(refused).toMatchObject({ status: 400, body: expect.stringContaining('`SerialNumber` missing') });
    expect((await newestAttempt()).steps.at(-1)).toMatchObject({ step: 'parameters', outcome: 'refused' });
    const taken = await csrFor('7');
    const denied = await curl(platform, 'simpleenroll', [...claim.flags, ...posting(taken.csr)]);
    expect([denied.status, (await newestAttempt()).reason]).toEqual([400, 'thing_has_certificate']);
  });

  test('a key is made for a device that cannot, which counts as a use of the claim like any other', async () => {
    const claim = await newClaim({ uses: 1 });
    const { csr } = await csrFor('15');
    const answer = await curl(platform, 'serverkeygen', [...claim.flags, ...posting(csr)]);
    expect(answer.status).toBe(200);
    expect((await madeKeyOf(answer)).isKeyOfCertificate).toBe(true);
    const facts = { operation: 'serverkeygen', outcome: 'provisioned', thingName: 'lamp-15' };
    expect(await newestAttempt()).toMatchObject(facts);
    const second = await csrFor('16');
    const used = await curl(platform, 'serverkeygen', [...claim.flags, ...posting(second.csr)]);
    expect([used.status, (await newestAttempt()).reason]).toEqual([403, 'claim_used']);
  });

  test('a claim is used as often as it may be, and not once it is revoked', async () => {
    const claim = await newClaim({ uses: 1 });
    const enrol = async (serialNumber: string) =>
      curl(platform, 'simpleenroll', [...claim.flags, ...posting((await csrFor(serialNumber)).csr)]);
    expect((await enrol('20')).status).toBe(200);
    expect((await enrol('21')).status).toBe(403);
    expect(await newestAttempt()).toMatchObject({ reason: 'claim_used' });
    const other = await newClaim();
    const params = { certificateId: other.certificateId };
    await platform.api.call(revokeCertificate, { params, body: {} });
    const { csr } = await csrFor('22');
    await expect(curl(platform, 'simpleenroll', [...other.flags, ...posting(csr)])).rejects.toThrow();
  });

  test('a claim does nothing else there', async () => {
    const { flags } = await newClaim();
    const { csr } = await csrFor('30');
    const statuses: number[] = [];
    for (const operation of ['simplereenroll', 'operator/simpleenroll', 'claim/serverkeygen'])
      statuses.push((await curl(platform, operation, [...flags, ...posting(csr)])).status);
    expect(statuses).toEqual([401, 403, 403]);
  });
});
