import { once } from 'node:events';
import { connect } from 'node:net';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

test('a TLS handshake that is never finished is cut, on every listener', async () => {
  await using platform = await startTestPlatform({ settings: { tlsLimits: { handshakeTimeoutMs: 200 } } });
  const { mqtt, devices, operators } = platform.platform.ports;
  const cut = [mqtt, devices, operators].map(async (port) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
    return port;
  });
  expect(await Promise.all(cut)).toEqual([mqtt, devices, operators]);
});
