import { connect, type Socket } from 'node:net';
import { listConnections, revokeCertificate } from '@fleetward/protocol';
import { mosquittoClients, needs } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowAll, causes, connectMqtt, ended, idOf } from './raw-peers.ts';

let platform: TestPlatform;
let pump: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform({ settings: { tlsLimits: { connectionsPerCertificateMax: 2 } } });
  await allowAll(platform);
  pump = await platform.enrol('pump', { policies: ['all'] });
});
afterAll(() => platform.stop());

function plainMqtt(more: object = {}) {
  return { plainMqtt: { kind: 'loopback', port: 0, certificateId: idOf(pump), ...more } };
}

function open(): Socket {
  const socket = connect(platform.platform.ports.plainMqtt ?? 0, '127.0.0.1');
  socket.on('error', () => undefined);
  return socket;
}

describe('MQTT without TLS', () => {
  test('is off unless the settings say otherwise', () => {
    expect(platform.platform.ports.plainMqtt).toBeUndefined();
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', '10.0.0.1', 'localhost'])(
    'does not start on `%s`, which is no loopback address',
    async (host) => {
      await expect(platform.restart(plainMqtt({ host }))).rejects.toMatchObject({
        code: 'config.invalid',
        message: expect.stringContaining(`\`${host}\` is no loopback address`),
      });
    },
  );

  test('does not start for a certificate that the platform does not know', async () => {
    const certificateId = 'ab'.repeat(32);
    await expect(platform.restart(plainMqtt({ certificateId }))).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining(certificateId),
    });
  });

  test('speaks as the certificate that the settings name, and as long as that may', async () => {
    await platform.restart(plainMqtt());
    const socket = open();
    expect(await connectMqtt(socket, 'pump')).toBe(0);
    const { connections } = await platform.api.call(listConnections);
    expect(connections).toMatchObject([{ certificateId: idOf(pump), remoteAddress: '127.0.0.1' }]);
    const other = open();
    expect(await connectMqtt(other, 'another')).toBe(0);
    await ended(open());
    expect((await causes(platform))[0]).toMatchObject({ cause: 'limit' });
    const end = Promise.all([ended(socket), ended(other)]);
    await platform.api.call(revokeCertificate, { params: { certificateId: idOf(pump) }, body: {} });
    await end;
    await ended(open());
    expect((await causes(platform))[0]).toMatchObject({
      cause: 'connect_denied',
      explanation: 'plainMqtt: the certificate of the settings: the certificate is revoked',
    });
  });

  needs('mosquitto_pub', 'mosquitto-clients').describe('of Mosquitto', () => {
    test('mosquitto_pub is served by the policies of that certificate', async () => {
      const bridge = await platform.enrol('bridge', { policies: ['all'] });
      await platform.restart(plainMqtt({ certificateId: idOf(bridge) }));
      const { publish } = mosquittoClients([
        '-h',
        '127.0.0.1',
        '-p',
        String(platform.platform.ports.plainMqtt),
      ]);
      expect((await publish(['-i', 'bridge', '-q', '1', '-t', 'a', '-m', 'b'])).code).toBe(0);
    });
  });
});
