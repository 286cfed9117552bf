import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  completeSetup,
  createJoinToken,
  createOperatorToken,
  createPolicy,
  getSelf,
  listDenials,
  revokeCertificate,
} from '@fleetward/protocol';
import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { ApiSession, clientOf } from './api-session.ts';
import { type Enrolled, enrol, getAs, newApplicant } from './device.ts';
import { engineerOf, newFirmware, publish, store } from './release.ts';

/** Every way in which a secret could have been written down. */
function formsOf(secret: Buffer): readonly Buffer[] {
  // Whole groups of base64: the same text wherever the secret begins at a group's start.
  const part = secret.subarray(0, secret.length - (secret.length % 3));
  return [
    secret,
    ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(part.toString(form))),
  ];
}

/** The beginnings of unencrypted private keys: PEM, and PKCS #8 of P-256 and Ed25519. */
const privateKeys = {
  'a PEM private key': Buffer.from('PRIVATE KEY-----'),
  'a P-256 private key': Buffer.from('020100301306072a8648ce3d020106082a8648ce3d030107046d', 'hex'),
  'an Ed25519 private key': Buffer.from('302e020100300506032b6570', 'hex'),
};
const wrongOperatorToken = `fwo_${'w'.repeat(43)}`;
const wrongJoinToken = `fwj_${'w'.repeat(43)}`;
const secretsInRequests = {
  payload: 'the-payload-of-a-message-4711',
  body: 'the-secret-in-a-broken-body-4712',
  query: 'the-secret-in-a-query-4713',
  password: 'the-mqtt-password-4714',
};

test('no key, token, secret, password or payload is in the log at its most talkative, nor in a file', {
  timeout: 60_000,
}, async () => {
  await using session = await ApiSession.start({ logLevel: 'trace' });
  const { folder, api } = session;
  const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await api.call(createPolicy, { body: { policyName: 'all', document } });
  const joining = await api.call(createJoinToken, { body: { namePattern: 'pump', policies: ['all'] } });
  const second = await api.call(createOperatorToken, { body: {} });
  const applicant = await newApplicant(folder, 'pump');
  await enrol(session, applicant, wrongJoinToken).catch(() => undefined);
  const pump = await enrol(session, applicant, joining.secret);
  await speak(session, pump);
  await sendWrongRequests(session);
  const firmware = newFirmware();
  await store(api, firmware);
  await publish(api, { engineer: await engineerOf(api), version: 1, firmware });
  expect((await getAs(session, pump, `/tuf/targets/${firmware.sha256}.app.bin`)).status).toBe(200);
  await api.call(revokeCertificate, { params: { certificateId: pump.certificateId }, body: {} });
  expect((await api.call(listDenials, { query: {} })).denials.length).toBeGreaterThan(0);

  const { stderr } = await session.child.stop();
  expect(stderr.split('\n').length).toBeGreaterThan(10);
  const masterKey = Buffer.from(readFileSync(folder.join('data', 'master.key'), 'utf8').trim(), 'hex');
  const texts = {
    'the setup token': session.setupToken,
    'the operator token': session.token,
    'the second operator token': second.secret,
    'the join token': joining.secret,
    'a wrong operator token': wrongOperatorToken,
    'a wrong join token': wrongJoinToken,
    ...secretsInRequests,
  };
  const wanted = [
    ...Object.entries(texts).map(([name, text]) => [name, formsOf(Buffer.from(text))] as const),
    ['the master key', formsOf(masterKey)] as const,
    ...Object.entries(privateKeys).map(([name, bytes]) => [name, formsOf(bytes)] as const),
  ];
  const places = new Map([['standard error', Buffer.from(stderr)], ...filesOf(folder.join('data'))]);
  expect([...places.keys()]).toContain('records.db');
  const found = [...places].flatMap(([place, content]) =>
    wanted
      .filter(([, forms]) => forms.some((form) => content.includes(form)))
      .map(([name]) => `${name} in ${place}`),
  );
  expect(found).toEqual(['the master key in master.key']);
});

/** All files below the folder with their content. */
function filesOf(folder: string): readonly (readonly [string, Buffer])[] {
  return globSync('**/*', { cwd: folder })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => [name, readFileSync(join(folder, name))]);
}

/** A message with a payload, and a user name and password, as other platforms' devices send them. */
async function speak(session: ApiSession, device: Enrolled): Promise<void> {
  const client = await mqtt.connectAsync(`mqtts://localhost:${session.ports.mqtt}`, {
    ca: session.rootPem,
    key: readFileSync(device.keyFile, 'utf8'),
    cert: device.chainPem,
    clientId: device.thingName,
    username: 'device',
    password: secretsInRequests.password,
    reconnectPeriod: 0,
  });
  const arrived = new Promise((resolve) =>
    client.once('message', (_topic, payload) => resolve(payload.toString())),
  );
  await client.subscribeAsync('telemetry/pump', { qos: 1 });
  await client.publishAsync('telemetry/pump', secretsInRequests.payload, { qos: 1 });
  expect(await arrived).toBe(secretsInRequests.payload);
  await client.endAsync();
}

/** What a person gets wrong: each carries something that must not be repeated. */
async function sendWrongRequests(session: ApiSession): Promise<void> {
  const stranger = clientOf({ ...session.place(), token: wrongOperatorToken });
  await expect(stranger.call(getSelf)).rejects.toThrow();
  stranger.close();
  const anybody = clientOf(session.place());
  const body = { setupToken: session.setupToken, operatorName: 'eve' };
  await expect(anybody.call(completeSetup, { body })).rejects.toThrow();
  anybody.close();
  for (const [path, sent] of [
    ['/v1/setup', `{"setupToken": "${secretsInRequests.body}`],
    [`/v1/setup?token=${secretsInRequests.query}`, '{}'],
  ] as const) {
    expect(await session.postJson(path, sent)).toBeGreaterThanOrEqual(400);
  }
}
