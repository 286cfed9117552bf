import { getMetrics, listDenials } from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice } from '@fleetward/testkit/platform';
import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { allowAll } from './raw-peers.ts';

test('one certificate that connects too fast is refused, whatever its client ids; others and later ones are not', async () => {
  const clock = new FakeClock(Date.now());
  await using platform = await startTestPlatform({
    clock,
    settings: { tlsLimits: { connectsPerSecondMax: 3 } },
  });
  await allowAll(platform);
  const pump = await platform.enrol('pump', { policies: ['all'] });
  const valve = await platform.enrol('valve', { policies: ['all'] });
  const connect = async (device: TestDevice, clientId: string, protocolVersion: 4 | 5): Promise<unknown> => {
    const { key, cert } = device;
    const url = `mqtts://localhost:${platform.platform.ports.mqtt}`;
    const options = { key, cert, ca: platform.rootPem, clientId, protocolVersion, reconnectPeriod: 0 };
    return mqtt.connectAsync(url, options, false).then(
      (client) => client.endAsync().then(() => 0),
      ({ code }: { readonly code: unknown }) => code,
    );
  };
  const codes: unknown[] = [];
  for (let index = 0; index < 6; index++)
    codes.push(await connect(pump, `pump-${index}`, index === 5 ? 4 : 5));
  expect(codes).toEqual([0, 0, 0, 0x9f, 0x9f, 3]);
  expect(await connect(valve, 'valve', 5)).toBe(0);
  const { denials } = await platform.api.call(listDenials, { query: { cause: 'limit' } });
  expect(denials.map(({ explanation }) => explanation)).toEqual([
    'mqtt: too many CONNECTs a second (setting `tlsLimits.connectsPerSecondMax`)',
  ]);
  const metrics = Buffer.from(await platform.api.call(getMetrics, {})).toString();
  expect(metrics).toMatch(/^fleetward_mqtt_connects_too_fast 3$/m);
  clock.advance(1_000);
  expect(await connect(pump, 'pump', 5)).toBe(0);
});
