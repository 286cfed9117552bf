import { type Certificate, certificateIdOf } from '@fleetward/pki';
import { getMetrics } from '@fleetward/protocol';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { allowAll, connectMqtt, tlsOf } from './raw-peers.ts';

/** The cache looks at nothing else. */
function certificateOf(der: Uint8Array): Certificate {
  return { der, id: certificateIdOf(der) } as Certificate;
}

const ders = [0, 1, 2].map((byte) => Uint8Array.of(0x30, byte));
const [first, second, third] = ders.map(certificateOf) as [Certificate, Certificate, Certificate];

test('the same bytes find the same certificate, and one bit more or less finds none', () => {
  const known = new KnownCertificates({ certificatesMax: 2 });
  known.keep(first);
  expect(known.find(Uint8Array.from(first.der))).toBe(first);
  expect(known.find(Uint8Array.of(0x31, 0))).toBeUndefined();
  expect(known.find(Uint8Array.of(0x30))).toBeUndefined();
});

test('it holds no more than its limit, and forgets the one not asked for longest', () => {
  const known = new KnownCertificates({ certificatesMax: 2 });
  known.keep(first);
  known.keep(second);
  known.find(first.der);
  known.keep(third);
  known.keep(third);
  expect(known.size).toBe(2);
  expect(ders.map((der) => known.find(der) !== undefined)).toEqual([true, false, true]);
});

test('the platform keeps as many as its setting says, admits the others all the same, and shows all that in its metrics', async () => {
  await using platform = await startTestPlatform({ settings: { tlsLimits: { knownCertificatesMax: 1 } } });
  await allowAll(platform);
  const devices = [
    await platform.enrol('pump', { policies: ['all'] }),
    await platform.enrol('valve', { policies: ['all'] }),
  ];
  for (const device of [...devices, ...devices]) {
    const socket = await platform.connectTls(tlsOf(device));
    expect(await connectMqtt(socket, device.thingName)).toBe(0);
    socket.destroy();
  }
  const metrics = Buffer.from(await platform.api.call(getMetrics, {})).toString();
  const counted = (counter: string): number =>
    Number(
      new RegExp(`^fleetward_known_certificates\\{counter="${counter}"\\} (\\d+)$`, 'm').exec(metrics)?.[1],
    );
  expect(counted('size')).toBe(1);
  expect(counted('missed')).toBe(4);
  expect(counted('found')).toBe(0); // what the handshake has read is not read again with the CONNECT
  expect(counted('forgotten')).toBe(3);
});
