import type { TLSSocket } from 'node:tls';
import { listCas, setCaState } from '@fleetward/protocol';
import { seededRandom } from '@fleetward/testkit';
import { startTestPlatform } from '@fleetward/testkit/platform';
import type { MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { FaultyBus, SlowLeases } from './faulty-bus.ts';
import { startGatewayPair } from './gateway-pair.ts';
import { allowAll, connectMqtt, tlsOf } from './raw-peers.ts';

function platformCertificate({ stream }: MqttClient): string {
  return (stream as unknown as TLSSocket).getPeerCertificate().fingerprint256;
}

test('the platform’s own certificate is replaced, and no connection notices', async () => {
  const bus = new FaultyBus();
  const pair = await startGatewayPair({ bus, leases: new SlowLeases(seededRandom('leases')) });
  bus.inOrder();
  const [pump, valve] = [await pair.enrol('pump'), await pair.enrol('valve')];
  const before = await pair.connect(0, pump, 'pump');
  let closed = 0;
  before.on('close', () => closed++);
  await pair.renewCredentials();
  const after = await pair.connect(0, valve, 'valve');
  expect(platformCertificate(after)).not.toBe(platformCertificate(before));
  await before.publishAsync('a', 'b', { qos: 1 });
  expect([before.connected, closed]).toEqual([true, 0]);
  for (const client of [before, after]) await client.endAsync(true);
  await pair.stop();
});

test('a CA that is retired issues no more, and what it issued stays connected and connects', async () => {
  await using platform = await startTestPlatform();
  await allowAll(platform);
  const device = await platform.enrol('pump', { policies: ['all'] });
  const socket = await platform.connectTls(tlsOf(device));
  expect(await connectMqtt(socket, 'pump')).toBe(0);
  const { cas } = await platform.api.call(listCas);
  const { certificateId } = cas.find(({ kind }) => kind === 'issuing')!;
  await platform.api.call(setCaState, { params: { certificateId }, body: { state: 'retired' } });
  const pong = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  socket.write(Buffer.of(0xc0, 0));
  expect([...(await pong)]).toEqual([0xd0, 0]);
  const another = await platform.connectTls(tlsOf(device));
  expect(await connectMqtt(another, 'other')).toBe(0);
  for (const each of [socket, another]) each.destroy();
});
