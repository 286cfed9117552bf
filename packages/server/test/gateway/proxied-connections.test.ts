import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { createPolicy, listConnections, listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { causes, connectMqtt, ended, tlsOf } from './raw-peers.ts';

const proxy = '127.0.0.2';
const headerOf = (hex: string) => Buffer.from(`0d0a0d0a000d0a515549540a${hex}`, 'hex');
const fromInside = headerOf('2111000cc0000207c6336401303922b3'); // 192.0.2.7
const fromOutside = headerOf('2111000ccb007109c6336401303922b3'); // 203.0.113.9
const local = headerOf('20000000');

let platform: TestPlatform;
let pump: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform({
    settings: {
      proxyAddresses: [proxy],
      tlsLimits: { connectionsPerAddressMax: 4, handshakeTimeoutMs: 1_000 },
    },
  });
  const Condition = { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } };
  const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*', Condition };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await platform.api.call(createPolicy, { body: { policyName: 'inside', document } });
  pump = await platform.enrol('pump', { policies: ['inside'] });
});
afterAll(() => platform.stop());

type Listener = 'mqtt' | 'devices';

async function tcp(listener: Listener, localAddress = proxy): Promise<Socket> {
  const port = platform.platform.ports[listener];
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** TLS behind what was written so far. */
async function secure(socket: Socket, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const tls = connect({ socket, servername: 'localhost', ca: platform.rootPem, ...tlsOf(pump), ...more });
  const end = new Promise<never>((_, reject) => tls.once('close', () => reject(new Error('closed'))));
  tls.on('error', () => undefined);
  await Promise.race([once(tls, 'secureConnect'), end]);
  end.catch(() => undefined);
  return tls;
}

async function through(header: Buffer, listener: Listener, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = await tcp(listener);
  socket.write(header);
  return secure(socket, more);
}

async function lastDenial() {
  return (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
}

describe.each(['mqtt', 'devices'] as const)(
  'a connection through a proxy to the listener `%s`',
  (listener) => {
    const alpn = { ALPNProtocols: ['mqtt'] };
    beforeEach(async () => {
      // Those of the test before count until the platform has seen their end.
      await expect.poll(async () => (await platform.api.call(listConnections)).connections).toEqual([]);
    });

    test('is of the address that the proxy names: for policies, denials and operators', async () => {
      const inside = await through(fromInside, listener, alpn);
      expect(await connectMqtt(inside, 'pump')).toBe(0);
      const { connections } = await platform.api.call(listConnections);
      expect(connections).toMatchObject([{ remoteAddress: '192.0.2.7' }]);
      inside.destroy();
      expect(await connectMqtt(await through(fromOutside, listener, alpn), 'pump')).toBe(5);
      expect(await lastDenial()).toMatchObject({ cause: 'connect_denied', remoteAddress: '203.0.113.9' });
    });

    test('may bring its header in pieces, or with the first bytes of TLS', async () => {
      const socket = await tcp(listener);
      socket.setNoDelay(true);
      for (const byte of fromInside.subarray(0, 20)) {
        socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write(fromInside.subarray(20));
      expect(await connectMqtt(await secure(socket, alpn), 'pump')).toBe(0);
      socket.destroy();
      const corked = await tcp(listener);
      corked.cork();
      corked.write(fromInside);
      const opening = secure(corked, alpn);
      await new Promise((resolve) => setImmediate(resolve));
      corked.uncork();
      expect(await connectMqtt(await opening, 'pump')).toBe(0);
      corked.destroy();
    });

    test('of the proxy itself has the proxy’s address', async () => {
      expect(await connectMqtt(await through(local, listener, alpn), 'pump')).toBe(5);
      expect(await lastDenial()).toMatchObject({ remoteAddress: proxy });
    });

    test('is cut without a header, before TLS, and its operator is told', async () => {
      await expect(secure(await tcp(listener), alpn)).rejects.toThrow();
      expect(await lastDenial()).toMatchObject({
        cause: 'protocol_error',
        remoteAddress: proxy,
        explanation: `${listener}: PROXY protocol: no signature of version 2`,
      });
    });

    test('is cut when its header does not come in time', async () => {
      const socket = await tcp(listener);
      socket.write(fromInside.subarray(0, 20));
      await once(socket.resume(), 'close');
      expect((await lastDenial())?.explanation).toMatch(/PROXY protocol: no header in time/);
    });

    test('is named by its peer when its handshake fails', async () => {
      const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      await expect(through(fromOutside, listener, old)).rejects.toThrow();
      await expect.poll(lastDenial).toMatchObject({ cause: 'tls_version', remoteAddress: '203.0.113.9' });
    });

    test('is counted for its peer, not for the proxy', async () => {
      const kept = [];
      for (let count = 0; count < 4; count++) kept.push(await through(fromInside, listener, alpn));
      await expect(through(fromInside, listener, alpn)).rejects.toThrow();
      expect(await lastDenial()).toMatchObject({ cause: 'limit', remoteAddress: '192.0.2.7' });
      const other = await through(fromOutside, listener, alpn);
      for (const socket of [...kept, other]) socket.destroy();
      await Promise.all([...kept, other].map((socket) => socket.closed || once(socket, 'close')));
    });

    test('is not one when it comes from elsewhere: a header is cut as what it is there, no TLS', async () => {
      const socket = await tcp(listener, '127.0.0.1');
      socket.write(fromInside);
      await expect(secure(socket, alpn)).rejects.toThrow();
      await expect.poll(lastDenial).toMatchObject({
        cause: 'tls_handshake',
        remoteAddress: '127.0.0.1',
        explanation: expect.stringMatching(/proxyAddresses/),
      });
      const direct = await platform.connectTls(tlsOf(pump));
      expect(await connectMqtt(direct, 'pump')).toBe(5);
      await ended(direct);
      expect((await causes(platform))[0]?.cause).toBe('connect_denied');
    });
  },
);

test('HTTPS is served through a proxy, and what it refuses is of the peer’s address', async () => {
  const socket = await through(fromOutside, 'devices', { key: undefined, cert: undefined });
  const status = async (path: string) => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return /^HTTP\/1\.1 (\d+)/.exec(String((await once(socket, 'data'))[0]))?.[1];
  };
  expect(await status('/.well-known/est/cacerts')).toBe('200');
  expect(await status('/tuf/metadata/timestamp.json')).toBe('401');
  expect(await lastDenial()).toMatchObject({ cause: 'request_denied', remoteAddress: '203.0.113.9' });
  socket.destroy();
});
