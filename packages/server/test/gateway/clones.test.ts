import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parseCertificatesPem } from '@fleetward/pki';
import {
  addGroupThing,
  createGroup,
  createPolicy,
  getCertificate,
  getMetrics,
  issueCertificates,
  listDenials,
  listDetections,
  setCertificateState,
} from '@fleetward/protocol';
import { openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const anything = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
const here = '127.0.0.1';
const there = '127.0.0.2';
const clients: MqttClient[] = [];
let platform: TestPlatform;

beforeAll(async () => {
  const responses = ['refuse', 'quarantine', 'off'].map((response) => ({ groupName: response, response }));
  platform = await startTestPlatform({ settings: { clones: { responses } } });
  await platform.api.call(createPolicy, { body: { policyName: 'all', document: anything } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});
afterAll(() => platform.stop());

async function enrol(thingName: string, groupName?: string): Promise<TestDevice> {
  const device = await platform.enrol(thingName, { policies: ['all'] });
  if (groupName === undefined) return device;
  await platform.api.call(createGroup, { body: { groupName } });
  await platform.api.call(addGroupThing, { params: { groupName, thingName } });
  return device;
}

/** Rejects when it is refused or cut before its CONNACK. */
function connect({ key, cert }: TestDevice, localAddress: string, clientId: string): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key,
    cert,
    clientId,
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...from(localAddress),
  });
  clients.push(client);
  client.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

/** Of `tls.connect`, which MQTT.js passes its options to. */
function from(localAddress: string): object {
  return { localAddress, family: 4 };
}

function idOf({ cert }: TestDevice) {
  return parseCertificatesPem(cert)[0]!.id;
}

async function detectionOf(device: TestDevice) {
  const { detections } = await platform.api.call(listDetections);
  return detections.find(({ certificateId }) => certificateId === idOf(device));
}

async function lastDenial() {
  return (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
}

test('a certificate in use at two places as two clients is told, and both go on', async () => {
  const device = await enrol('plain');
  await connect(device, here, 'plain');
  const other = await connect(device, there, 'plain-2');
  expect(await detectionOf(device)).toMatchObject({
    sign: 'concurrent',
    response: 'alert',
    count: 1,
    thingNames: ['plain'],
    clientIds: ['plain', 'plain-2'],
    addresses: [here, there],
  });
  expect(other.connected).toBe(true);
});

test('a device that comes again, from elsewhere and with its session still open, is nothing', async () => {
  const device = await enrol('roaming');
  await connect(device, here, 'roaming');
  await connect(device, there, 'roaming');
  await connect(device, '127.0.0.3', 'roaming');
  expect(await detectionOf(device)).toBeUndefined();
});

test('two that take one client id from each other are found out', async () => {
  const device = await enrol('pingpong');
  for (const from of [here, there, here, there, here]) await connect(device, from, 'pingpong');
  expect(await detectionOf(device)).toBeUndefined();
  await connect(device, there, 'pingpong');
  const found = await detectionOf(device);
  expect(found).toMatchObject({ sign: 'alternating', response: 'alert' });
  expect(new Set(found?.addresses), 'where both were, also the one that was cut').toEqual(
    new Set([here, there]),
  );
});

test('the newcomer is refused where the group says so, with the reason, and who was there stays', async () => {
  const device = await enrol('meter', 'refuse');
  const first = await connect(device, here, 'meter');
  await expect(connect(device, there, 'meter-2')).rejects.toThrow('closed before CONNACK');
  expect(await lastDenial()).toMatchObject({
    cause: 'clone_suspected',
    clientId: 'meter-2',
    remoteAddress: there,
    explanation: expect.stringContaining('two devices may hold the key'),
  });
  expect(first.connected).toBe(true);
});

test('both are quarantined where the group says so, until an operator activates the certificate', async () => {
  const device = await enrol('safe', 'quarantine');
  const first = await connect(device, here, 'safe');
  const cut = new Promise<void>((resolve) => first.once('close', () => resolve()));
  await expect(connect(device, there, 'safe-2')).rejects.toThrow('closed before CONNACK');
  await cut;
  const params = { certificateId: idOf(device) };
  expect((await platform.api.call(getCertificate, { params })).state).toBe('INACTIVE');
  await expect(connect(device, here, 'safe')).rejects.toThrow('closed before CONNACK');
  expect(await lastDenial()).toMatchObject({ cause: 'certificate_inactive' });
  await platform.api.call(setCertificateState, { params, body: { state: 'ACTIVE' } });
  await connect(device, here, 'safe');
});

test('nothing is looked at where the group switches it off', async () => {
  const device = await enrol('lab', 'off');
  await connect(device, here, 'lab');
  await connect(device, there, 'lab-2');
  expect(await detectionOf(device)).toBeUndefined();
});

describe('what was issued behind the platform’s back', () => {
  const recordsOf = () => new DatabaseSync(platform.folder.join('data', 'records.db'));

  test('is told in words, in the trail and by a number: who connects with it, and what stands in the registry', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const keyFile = platform.folder.join('stolen.key');
    writeFileSync(keyFile, key);
    const csr = (await openssl(['req', '-new', '-key', keyFile, '-subj', '/CN=eve'])).toString();
    const body = { requests: [{ csr, profile: 'operator' as const }] };
    const { results } = await platform.api.call(issueCertificates, { body });
    const [issued] = results;
    if (issued?.outcome !== 'issued') throw new TypeError('not issued');
    const forged = 'ab'.repeat(32);
    {
      // As if somebody else had used the CA's key; and as who owns the database writes.
      using records = recordsOf();
      records
        .prepare('UPDATE certificates SET certificate_id = ?, serial = ? WHERE certificate_id = ?')
        .run(forged, 'ab', issued.certificateId);
      for (const table of ['issuance_log_waiting', 'issuance_log_entries'])
        records
          .prepare(`UPDATE ${table} SET certificate_id = ? WHERE certificate_id = ?`)
          .run('cd'.repeat(32), issued.certificateId);
    }
    await platform.restart();
    await expect(
      connect({ ...(await enrol('innocent')), key, cert: issued.chain }, here, 'eve'),
    ).rejects.toThrow();
    expect(await lastDenial()).toMatchObject({ cause: 'certificate_unknown' });
    const signs = async () => {
      const { detections } = await platform.api.call(listDetections);
      return Object.fromEntries(detections.map(({ certificateId, sign }) => [certificateId, sign]));
    };
    const patience = { timeout: 60_000 };
    await expect
      .poll(signs, patience)
      .toEqual({ [issued.certificateId]: 'unregistered', [forged]: 'unlogged' });
    const metrics = async () => Buffer.from(await platform.api.call(getMetrics)).toString();
    await expect.poll(metrics, patience).toContain('fleetward_issuance_log{figure="unlogged"} 1\n');
    expect(await metrics()).toContain('fleetward_issuance_log{figure="unregistered"} 1\n');
  });
});
