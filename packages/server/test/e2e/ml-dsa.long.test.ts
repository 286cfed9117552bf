import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { localSigner } from '@fleetward/keys';
import { encodePem, issueCsr, makeName, parseCertsOnly } from '@fleetward/pki';
import { requestCa } from '@fleetward/protocol';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { initialise, loadConfig, systemClock, systemRandom } from '../../src/index.ts';
import { allowAll, connectMqtt } from '../gateway/raw-peers.ts';

// The peers are this Node.js with its OpenSSL 3.5: Debian's programs do not know ML-DSA.

let platform: TestPlatform;
const privateKey = generateKeyPairSync('ml-dsa-44').privateKey;
const signer = localSigner(privateKey, 'ml-dsa-44');

beforeAll(async () => {
  const settings = { experimental: { mlDsa: true } };
  platform = await startTestPlatform({ settings, init: { caAlgorithm: 'ml-dsa-65' } });
  await allowAll(platform);
});
afterAll(() => platform.stop());

async function enrol(name: string) {
  const { der } = await issueCsr({ subject: makeName([['commonName', name]]), signer });
  const token = await platform.newJoinToken(name, { policies: ['all'] });
  return platform.enrolCsr(encodePem('CERTIFICATE REQUEST', der), token);
}

test('a fleet can be post-quantum from root to device: CAs of ML-DSA-65, a device with ML-DSA-44, mutual TLS 1.3', async () => {
  const root = new X509Certificate(platform.rootPem);
  expect(root.publicKey.asymmetricKeyType).toBe('ml-dsa-65');
  expect(root.verify(root.publicKey)).toBe(true);
  const { status, body } = await enrol('lamp-1');
  expect(status).toBe(200);
  const chain = parseCertsOnly(Buffer.from(body, 'base64'));
  const cert = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const socket = await platform.connectTls({ key, cert });
  expect(socket.authorized).toBe(true);
  expect(socket.getProtocol()).toBe('TLSv1.3');
  expect(await connectMqtt(socket, 'lamp-1')).toBe(0);
  socket.destroy();
  await expect(platform.connectTls({ key, cert, maxVersion: 'TLSv1.2' })).rejects.toThrow();
});

test('without the setting no CSR and no CA of ML-DSA is taken, and the platform that has such CAs goes on', async () => {
  await platform.restart({ experimental: { mlDsa: false } });
  const refused = await enrol('lamp-2');
  expect(refused.status).toBe(400);
  expect(refused.body).toContain('experimental.mlDsa');
  await expect(platform.api.call(requestCa, { body: { algorithm: 'ml-dsa-87' } })).rejects.toMatchObject({
    message: expect.stringContaining('experimental.mlDsa'),
  });
  expect((await platform.enrol('lamp-3', { policies: ['all'] })).thingName).toBe('lamp-3');
  const config = loadConfig({ overrides: { folder: platform.folder.join('other') } });
  const ports = { clock: systemClock, random: systemRandom, environment: {} };
  await expect(initialise(config, ports, { caAlgorithm: 'ml-dsa-65' })).rejects.toMatchObject({
    code: 'init.experimental',
  });
});
