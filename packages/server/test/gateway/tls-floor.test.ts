import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, getCiphers, type SecureVersion } from 'node:tls';
import { listCas, setCaState } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsOf } from './raw-peers.ts';

let platform: TestPlatform;
let device: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform();
  device = await platform.enrol('pump');
});
afterAll(() => platform.stop());

type Listener = 'mqtt' | 'devices' | 'operators';
const listeners: readonly Listener[] = ['mqtt', 'devices', 'operators'];

interface Handshake {
  /** What was agreed on; nothing when there was no agreement. */
  readonly agreed: { readonly version: string; readonly cipher: string } | undefined;
  /** Every byte that came from the platform. */
  readonly received: Buffer;
}

async function handshake(listener: Listener, options: ConnectionOptions): Promise<Handshake> {
  const tcp = connectTcp(platform.platform.ports[listener], '127.0.0.1');
  const chunks: Buffer[] = [];
  // Beside the TLS client, which is given the same bytes.
  const wire = new Duplex({
    read: () => void tcp.resume(),
    write: (bytes, _, done) => void tcp.write(bytes, done),
    destroy: (error, done) => {
      tcp.destroy();
      done(error);
    },
  });
  tcp.on('error', () => undefined);
  tcp.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    wire.push(chunk);
  });
  tcp.on('close', () => wire.push(null));
  const common = { servername: 'localhost', ca: platform.rootPem, ...tlsOf(device) };
  const tls = connect({ socket: wire, ...common, ...options });
  tls.on('error', () => undefined);
  const isAgreed = await Promise.race([
    once(tls, 'secureConnect').then(() => true),
    new Promise((resolve) => tls.once('close', () => resolve(false))),
  ]).catch(() => false);
  const agreed =
    isAgreed === true ? { version: tls.getProtocol() ?? '', cipher: tls.getCipher().name } : undefined;
  tls.destroy();
  return { agreed, received: Buffer.concat(chunks) };
}

/** The group of the ServerHello's key share (RFC 8446 §4.1.3, §4.2.8). */
function groupOf({ received }: Handshake): number | undefined {
  const hello = received.subarray(9); // record and handshake headers
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at) + 2 + 1; // session id, cipher suite, compression
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2))
    if (hello.readUInt16BE(at) === 0x33) return hello.readUInt16BE(at + 4);
  return undefined;
}

const x25519MlKem768 = 0x11ec;
const x25519 = 0x1d;

/** As the renewal of the platform's certificate does, every server is given its context anew. */
async function changeCas(): Promise<void> {
  const { cas } = await platform.api.call(listCas, {});
  const { certificateId } = cas.find(({ kind }) => kind === 'issuing')!;
  for (const state of ['retired', 'active'] as const)
    await platform.api.call(setCaState, { params: { certificateId }, body: { state } });
}

test('a change of the CAs leaves every listener its ciphers', async () => {
  await changeCas();
  for (const listener of listeners) {
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0' } as const;
    expect((await handshake(listener, weak)).agreed).toBeUndefined();
  }
});

test.each(listeners)('no peer of `%s` renegotiates, and becomes another one by it', async (listener) => {
  const tls = connect({
    port: platform.platform.ports[listener],
    host: '127.0.0.1',
    servername: 'localhost',
    ca: platform.rootPem,
    maxVersion: 'TLSv1.2',
    ...tlsOf(device),
  });
  tls.on('error', () => undefined);
  await once(tls, 'secureConnect');
  const renegotiated = new Promise<'yes' | 'no'>((resolve) => {
    tls.once('close', () => resolve('no'));
    tls.renegotiate({}, (error) => resolve(error === null ? 'yes' : 'no'));
  });
  expect(await renegotiated).toBe('no');
  tls.destroy();
});

describe.each(listeners)('TLS of the listener `%s`', (listener) => {
  test.each([
    ['TLSv1', false],
    ['TLSv1.1', false],
    ['TLSv1.2', true],
    ['TLSv1.3', true],
  ] as const)('%s: %s', async (version: SecureVersion, isSpoken) => {
    const ciphers = version === 'TLSv1.3' ? {} : { ciphers: 'ALL@SECLEVEL=0' };
    const { agreed } = await handshake(listener, { minVersion: version, maxVersion: version, ...ciphers });
    expect(agreed?.version).toBe(isSpoken ? version : undefined);
  });

  test('takes of all ciphers of TLS 1.2 those with ephemeral keys and authenticated encryption', async () => {
    const taken: string[] = [];
    const known = getCiphers().filter((name) => !name.startsWith('tls_'));
    for (const name of known) {
      const ciphers = `${name.toUpperCase()}:@SECLEVEL=0`;
      const { agreed } = await handshake(listener, { maxVersion: 'TLSv1.2', ciphers });
      if (agreed !== undefined) taken.push(agreed.cipher);
    }
    expect(known.length).toBeGreaterThan(30);
    expect(taken.sort()).toEqual([
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
    ]);
  });

  test('agrees with Node as it is on X25519MLKEM768', async () => {
    expect(groupOf(await handshake(listener, {}))).toBe(x25519MlKem768);
  });

  test('agrees on X25519MLKEM768 with whoever knows it, also where it comes second, else on X25519', async () => {
    const agreedOn = async (ecdhCurve: string) => groupOf(await handshake(listener, { ecdhCurve }));
    expect(await agreedOn('X25519MLKEM768')).toBe(x25519MlKem768);
    expect(await agreedOn('X25519:P-256')).toBe(x25519);
    expect(await agreedOn('X25519:X25519MLKEM768')).toBe(x25519MlKem768);
  });
});
