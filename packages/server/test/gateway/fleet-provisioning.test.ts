import { once } from 'node:events';
import {
  createClaim,
  createPolicy,
  createProvisioningTemplate,
  encodeCbor,
  getEnrollmentAttempt,
  listDenials,
  listEnrollmentAttempts,
  parseCbor,
  revokeCertificate,
} from '@fleetward/protocol';
import { openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lampPolicy, lampTemplate } from '../provisioning/fleet.ts';

let platform: TestPlatform;
let claim: { readonly certificateId: string; readonly key: string; readonly cert: string };
const clients: MqttClient[] = [];

beforeAll(async () => {
  platform = await startTestPlatform({ settings: { clones: { response: 'refuse' } } });
  await platform.api.call(createPolicy, { body: { policyName: 'lamps', document: lampPolicy } });
  await platform.api.call(createProvisioningTemplate, {
    body: { templateName: 'lamps', template: JSON.stringify(lampTemplate) },
  });
  claim = await newClaim();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});
afterAll(() => platform.stop());

async function newClaim() {
  const made = await platform.api.call(createClaim, { body: { templateName: 'lamps' } });
  return { certificateId: made.certificateId, key: made.privateKeyPem ?? '', cert: made.certificatePem };
}

/** Rejects when the platform refuses or cuts the connection. */
function connect(
  identity: { readonly key: string; readonly cert: string },
  options: IClientOptions = {},
): Promise<MqttClient> {
  const { key, cert } = identity;
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key,
    cert,
    reconnectPeriod: 0,
    protocolVersion: 5,
    clientId: `line-${Math.random()}`,
    ...options,
  });
  clients.push(client);
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

type Answer = { readonly kind: 'accepted' | 'rejected'; readonly bytes: Buffer };

/** Subscribes as AWS's libraries do, asks, and waits for the answer. */
async function ask(client: MqttClient, topic: string, payload: string | Buffer): Promise<Answer> {
  await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 });
  const answered = new Promise<Answer>((resolve) => {
    client.once('message', (name, bytes) =>
      resolve({ kind: name.endsWith('/accepted') ? 'accepted' : 'rejected', bytes }),
    );
  });
  await client.publishAsync(topic, payload, { qos: 1 });
  return answered;
}

async function askJson(
  client: MqttClient,
  topic: string,
  value: object,
): Promise<Readonly<Record<string, string>>> {
  const { kind, bytes } = await ask(client, `$aws/${topic}/json`, JSON.stringify(value));
  return { kind, ...(JSON.parse(bytes.toString()) as Readonly<Record<string, string>>) };
}

async function lastAttempt() {
  const { attempts } = await platform.api.call(listEnrollmentAttempts, { query: { limit: 1 } });
  const attemptId = attempts[0]?.attemptId ?? '';
  return platform.api.call(getEnrollmentAttempt, { params: { attemptId } });
}

async function denials(cause: 'receive_denied' | 'connect_denied' | 'publish_denied' | 'request_denied') {
  return (await platform.api.call(listDenials, { query: { cause, limit: 5 } })).denials;
}

describe('over MQTT', () => {
  test.each([4, 5] as const)(
    'a device of level %i goes from a claim to its own identity',
    async (protocolVersion) => {
      const asker = await connect(claim, {
        protocolVersion,
        clean: false,
        clientId: `asker-${protocolVersion}`,
      });
      const created = await askJson(asker, 'certificates/create', {});
      expect(created).toMatchObject({
        kind: 'accepted',
        certificateId: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      const { certificatePem: cert = '', privateKey: key = '', certificateOwnershipToken } = created;
      await expect(connect({ key, cert })).rejects.toThrow();
      const SerialNumber = `v${protocolVersion}`;
      const provisioned = await askJson(asker, 'provisioning-templates/lamps/provision', {
        certificateOwnershipToken,
        parameters: { SerialNumber },
      });
      expect(provisioned).toEqual({
        kind: 'accepted',
        thingName: `lamp-${SerialNumber}`,
        deviceConfiguration: { url: 'https://attic.example', retries: 3 },
      });
      const device = await connect({ key, cert }, { protocolVersion, clientId: `lamp-${SerialNumber}` });
      await device.publishAsync(`state/lamp-${SerialNumber}`, 'on', { qos: 1 });
    },
  );

  test('in CBOR, from a CSR', async () => {
    const keyFile = platform.folder.join('cbor.key');
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
    const csr = (await openssl(['req', '-new', '-key', keyFile, '-subj', '/CN=cbor'])).toString();
    const asker = await connect(claim);
    const limits = { bytesMax: 10_000, depthMax: 4 };
    const topic = '$aws/certificates/create-from-csr/cbor';
    const payload = Buffer.from(encodeCbor({ certificateSigningRequest: csr }));
    const { bytes } = await ask(asker, topic, payload);
    const created = parseCbor(bytes, limits) as Readonly<Record<string, string>>;
    expect(Object.keys(created).sort()).toEqual([
      'certificateId',
      'certificateOwnershipToken',
      'certificatePem',
    ]);
    const request = {
      certificateOwnershipToken: created.certificateOwnershipToken ?? '',
      parameters: { SerialNumber: 'cbor' },
    };
    const answer = await ask(
      asker,
      '$aws/provisioning-templates/lamps/provision/cbor',
      Buffer.from(encodeCbor(request)),
    );
    expect(answer.kind).toBe('accepted');
    expect(parseCbor(answer.bytes, limits)).toMatchObject({ thingName: 'lamp-cbor' });
  });

  test('an answer reaches the asker alone, whoever listens with the same claim', async () => {
    const other = await connect(claim);
    const heard: string[] = [];
    other.on('message', (topic) => heard.push(topic));
    await other.subscribeAsync(['$aws/certificates/create/+/accepted', '$aws/certificates/create/#'], {
      qos: 1,
    });
    const asker = await connect(claim);
    expect(await askJson(asker, 'certificates/create', {})).toMatchObject({ kind: 'accepted' });
    await askJson(other, 'certificates/create-from-csr', {});
    expect(heard).toEqual(['$aws/certificates/create-from-csr/json/rejected']);
  });

  test('who does not listen is told so in the denials', async () => {
    const asker = await connect(claim);
    await asker.publishAsync('$aws/certificates/create/json', '{}', { qos: 1 });
    await expect
      .poll(() => denials('receive_denied'), { timeout: 10_000 })
      .toMatchObject([
        {
          explanation: expect.stringContaining('not subscribed to `$aws/certificates/create/json/accepted`'),
        },
      ]);
  });

  test('a refusal says why to the device, and step by step to the operator', async () => {
    const asker = await connect(claim);
    const { certificateOwnershipToken } = await askJson(asker, 'certificates/create', {});
    const answer = await askJson(asker, 'provisioning-templates/lamps/provision', {
      certificateOwnershipToken,
    });
    const errorMessage = 'template `lamps`: parameter `SerialNumber` missing';
    expect(answer).toEqual({
      kind: 'rejected',
      statusCode: 400,
      errorCode: 'InvalidParameters',
      errorMessage,
    });
    expect(await lastAttempt()).toMatchObject({
      outcome: 'refused',
      operation: 'provision',
      reason: 'parameters_unfit',
      steps: [
        { step: 'claim', outcome: 'passed' },
        { step: 'template', outcome: 'passed' },
        { step: 'ownership', outcome: 'passed' },
        { step: 'parameters', outcome: 'refused', detail: `parameters_unfit: ${errorMessage}` },
      ],
    });
  });

  test.each([
    ['no JSON', 'certificates/create', '{', 'InvalidPayload'],
    ['a member twice', 'certificates/create-from-csr', '{"a":1,"a":2}', 'InvalidPayload'],
    ['no CSR', 'certificates/create-from-csr', '{"certificateSigningRequest":"x"}', 'InvalidCsr'],
    ['nested too deep', 'provisioning-templates/lamps/provision', '[[[[[[1]]]]]]', 'InvalidPayload'],
    [
      'a parameter that is the platform’s to give',
      'provisioning-templates/lamps/provision',
      '{"certificateOwnershipToken":"x","parameters":{"AWS::IoT::Certificate::Id":"y"}}',
      'InvalidPayload',
    ],
    [
      'a token that is none',
      'provisioning-templates/lamps/provision',
      '{"certificateOwnershipToken":"x","parameters":{}}',
      'InvalidCertificateOwnershipToken',
    ],
    ['too large', 'certificates/create', `"${'x'.repeat(70_000)}"`, 'InvalidPayload'],
  ])('%s is rejected', async (_, topic, payload, errorCode) => {
    const { kind, bytes } = await ask(await connect(claim), `$aws/${topic}/json`, payload);
    expect(kind).toBe('rejected');
    expect(JSON.parse(bytes.toString())).toMatchObject({ statusCode: 400, errorCode });
  });
});

describe('a claim certificate', () => {
  test('may do nothing else: no other topic, template, form or will, and nothing over HTTPS but EST', async () => {
    const asker = await connect(claim);
    for (const topic of [
      'a',
      '$aws/certificates/create/xml',
      '$aws/certificates/create/json/accepted',
      '$aws/provisioning-templates/pumps/provision/json',
      '$aws/things/lamp-1/shadow/update',
    ])
      await expect(asker.publishAsync(topic, '{}', { qos: 1 }), topic).rejects.toThrow('Not authorized');
    for (const filter of [
      '#',
      '$aws/#',
      'a',
      '$aws/certificates/+',
      '$aws/provisioning-templates/+/provision/+/accepted',
    ])
      await expect(asker.subscribeAsync(filter), filter).rejects.toThrow();
    const will = {
      topic: '$aws/certificates/create/json',
      payload: Buffer.from('{}'),
      qos: 0,
      retain: false,
    } as const;
    await expect(connect(claim, { will })).rejects.toThrow();
    const { key, cert } = claim;
    const tls = await platform.connectTls({ port: platform.platform.ports.devices, key, cert });
    tls.write('GET /tuf/metadata/timestamp.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [head] = (await once(tls, 'data')) as [Buffer];
    tls.destroy();
    expect(head.toString()).toMatch(/^HTTP\/1.1 401 /);
    expect(await denials('request_denied')).toMatchObject([{ certificateId: claim.certificateId }]);
  });

  test('does not end the session of a device that is there', async () => {
    await platform.api.call(createPolicy, {
      body: { policyName: 'all', document: lampPolicy.replaceAll('${iot:Connection.Thing.ThingName}', '*') },
    });
    const pump = await platform.enrol('pump-2', { policies: ['all'] });
    const connected = await connect(pump, { clientId: 'pump-2' });
    await expect(connect(claim, { clientId: 'pump-2' })).rejects.toThrow();
    expect(connected.connected).toBe(true);
    expect((await denials('connect_denied'))[0]?.explanation).toContain('may not take a client id');
  });

  test('leaves no session behind, however many devices use it', async () => {
    for (let index = 0; index < 60; index++) {
      const client = await connect(claim, {
        clientId: `many-${index}`,
        clean: false,
        properties: { sessionExpiryInterval: 1_000 },
      });
      await client.endAsync();
    }
    const again = await connect(claim, { clientId: 'many-1', clean: false });
    expect(again.connected).toBe(true);
  });

  test('that is revoked is cut, and comes in no more', async () => {
    const leaked = await newClaim();
    const asker = await connect(leaked);
    const closed = new Promise((resolve) => asker.once('close', () => resolve(undefined)));
    const { certificateId } = leaked;
    await platform.api.call(revokeCertificate, { params: { certificateId }, body: {} });
    await closed;
    await expect(connect(leaked)).rejects.toThrow();
  });
});
