import { connect, type TLSSocket } from 'node:tls';
import { fromBase64, type Signer, toBase64 } from '@fleetward/core';
import { parseCertificatesPem } from '@fleetward/pki';
import {
  getOnlineKeys,
  publishMetadata,
  putArtifact,
  revokeCertificate,
  setCertificateState,
} from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newEngineer, sha256Of } from '../releases/engineer.ts';

/** More than the sockets between would hold. */
const image = Buffer.alloc(48 * 1024 * 1024, 'image ');
const path = `/tuf/targets/app/${sha256Of(image)}.image.bin`;
let platform: TestPlatform;

beforeAll(async () => {
  platform = await startTestPlatform();
  const { api } = platform;
  const keys = await api.call(getOnlineKeys);
  const named = ({ publicKey }: { readonly publicKey: string }) =>
    ({ publicKey: fromBase64(publicKey) }) as unknown as Signer;
  const online = { snapshot: named(keys.snapshot), timestamp: named(keys.timestamp) };
  const engineer = newEngineer(online, new FakeClock(Date.now()));
  await api.call(putArtifact, { params: { sha256: sha256Of(image) }, body: image });
  const [root, targets] = [await engineer.root(1), await engineer.targets(2, { 'app/image.bin': image })];
  await api.call(publishMetadata, { body: { roots: [toBase64(root)], targets: toBase64(targets) } });
});
afterAll(() => platform.stop());

function open({ key, cert }: TestDevice): Promise<TLSSocket> {
  const to = { port: platform.platform.ports.devices, host: '127.0.0.1', servername: 'localhost' };
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ ...to, ca: platform.rootPem, key, cert }, () => resolve(socket));
  socket.on('error', reject);
  return promise;
}

/** Asks for the image and reads no further than its beginning. */
async function beginDownload(device: TestDevice): Promise<{ socket: TLSSocket; begin: string }> {
  const socket = await open(device);
  const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const begin = (await first).toString('latin1');
  socket.pause();
  return { socket, begin };
}

/** How many bytes still come until the connection ends. */
function readToEnd(socket: TLSSocket): Promise<number> {
  let bytes = 0;
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes >= image.length) resolve(bytes);
    });
    socket.once('close', () => resolve(bytes));
    socket.resume();
  });
}

function idOf({ cert }: TestDevice) {
  return parseCertificatesPem(cert)[0]!.id;
}

test('a download that is left alone comes to its end', async () => {
  const { socket, begin } = await beginDownload(await platform.enrol('patient'));
  expect(begin).toMatch(/^HTTP\/1\.1 200 /);
  expect(await readToEnd(socket)).toBeGreaterThan(image.length - begin.length);
  socket.destroy();
});

test.each([
  [
    'revoked',
    (id: ReturnType<typeof idOf>) =>
      platform.api.call(revokeCertificate, { params: { certificateId: id }, body: {} }),
  ],
  [
    'switched off',
    (id: ReturnType<typeof idOf>) =>
      platform.api.call(setCertificateState, { params: { certificateId: id }, body: { state: 'INACTIVE' } }),
  ],
])('a download is cut in the middle when its certificate is %s', async (how, shutOut) => {
  const device = await platform.enrol(how.replace(' ', '-'));
  const { socket, begin } = await beginDownload(device);
  expect(begin).toMatch(/^HTTP\/1\.1 200 /);
  expect(await shutOut(idOf(device))).toMatchObject({ sessionsCut: 1 });
  expect(await readToEnd(socket)).toBeLessThan(image.length / 2);
});
