import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { listConnections } from '@fleetward/protocol';
import { needs, requireProgram, startProgram } from '@fleetward/testkit';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { allowAll, connectMqtt, tlsOf } from './raw-peers.ts';

needs('haproxy', 'haproxy').describe('behind HAProxy', () => {
  test('a device keeps its address, and the proxy’s health checks are taken', async () => {
    await using platform = await startTestPlatform({ settings: { proxyAddresses: ['127.0.0.2'] } });
    await allowAll(platform);
    const pump = await platform.enrol('pump', { policies: ['all'] });
    const port = await freePort();
    const config = platform.folder.join('haproxy.cfg');
    const server = `server one 127.0.0.1:${platform.platform.ports.mqtt} source 127.0.0.2 send-proxy-v2 check check-send-proxy inter 100`;
    const timeouts = 'timeout connect 5s\n  timeout client 30s\n  timeout server 30s';
    writeFileSync(
      config,
      `global\n  log stdout format raw local0\ndefaults\n  mode tcp\n  ${timeouts}\nlisten mqtt\n  bind 127.0.0.1:${port}\n  ${server}\n`,
    );
    await using proxy = startProgram(requireProgram('haproxy', 'haproxy'), ['-db', '-f', config]);
    await expect
      .poll(() =>
        dial(port).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const common = { servername: 'localhost', ca: platform.rootPem, ...tlsOf(pump) };
    const socket = connect({ socket: await dial(port), ...common });
    await once(socket, 'secureConnect');
    expect(await connectMqtt(socket, 'pump')).toBe(0);
    const { connections } = await platform.api.call(listConnections);
    expect(connections).toMatchObject([{ remoteAddress: '127.0.0.7' }]);
    socket.destroy();
    await proxy.stop();
  });
});

async function dial(port: number): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.7' });
  await once(socket, 'connect');
  return socket;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
