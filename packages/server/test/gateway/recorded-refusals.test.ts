import { once } from 'node:events';
import { parseCertificatesPem } from '@fleetward/pki';
import { createPolicy, type DenialCause, listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { generate, type Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rawRequest } from '../http/raw-request.ts';

let platform: TestPlatform;
let device: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform();
  const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await platform.api.call(createPolicy, { body: { policyName: 'all', document } });
  device = await platform.enrol('pump', { policies: ['all'] });
});
afterAll(() => platform.stop());

function connectAs(clientId: string, protocolVersion: 4 | 5): Packet {
  return { cmd: 'connect', protocolId: 'MQTT', protocolVersion, clientId, clean: true, keepalive: 30 };
}

/** Sends the bytes over a connection of its own and resolves to what came back once the platform has ended it. */
async function send(...packets: readonly (Packet | Buffer)[]): Promise<Buffer> {
  const socket = await platform.connectTls({ key: device.key, cert: device.cert });
  socket.on('error', () => undefined);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(socket, 'close');
  for (const packet of packets)
    socket.write(Buffer.isBuffer(packet) ? packet : generate(packet, { protocolVersion: 5 }));
  await closed;
  return Buffer.concat(chunks);
}

async function newest(cause: DenialCause) {
  return (await platform.api.call(listDenials, { query: { cause, limit: 1 } })).denials[0];
}

function certificateId() {
  return parseCertificatesPem(device.cert)[0]!.id;
}

describe('a client id that cannot be one', () => {
  test.each([
    ['begins with $', '$pump', 4],
    ['begins with $', '$pump', 5],
    ['has 129 bytes', 'p'.repeat(129), 5],
  ] as const)(
    'as it %s is refused, and the operator reads which rule it broke (%j, level %i)',
    async (_, clientId, version) => {
      const answer = await send(connectAs(clientId, version));
      expect(answer[3]).toBe(version === 5 ? 0x85 : 2);
      const denial = await newest('connect_denied');
      expect(denial).toMatchObject({ certificateId: certificateId() });
      expect(denial?.clientId?.slice(0, 100)).toBe(clientId.slice(0, 100));
      expect(denial?.explanation).toMatch(/1 to 128 bytes .* does not begin with `\$`/);
    },
  );
});

describe('bytes that are not MQTT, or packets out of order', () => {
  test.each([
    ['as a length without an end', [Buffer.from('10ffffffffff', 'hex')]],
    ['in place of CONNECT', [{ cmd: 'pingreq' }]],
    [
      'as an authentication that is not offered',
      [{ ...connectAs('pump', 5), properties: { authenticationMethod: 'SCRAM-SHA-256' } }],
    ],
  ] as const)('%s end the connection and are recorded', async (_, packets) => {
    const before = (await newest('protocol_error'))?.seq ?? 0;
    await send(...(packets as readonly (Packet | Buffer)[]));
    const denial = await newest('protocol_error');
    expect(denial?.seq).toBeGreaterThan(before);
    expect(denial).toMatchObject({ certificateId: certificateId() });
    expect(denial?.explanation).toMatch(/^mqtt: \S/);
  });

  test.each([
    ['a second CONNECT', connectAs('pump', 5), /second CONNECT/],
    ['an AUTH', { cmd: 'auth', reasonCode: 0x19 }, /may not send auth/],
  ] as const)(
    '%s after CONNECT is recorded with the client id and what was wrong',
    async (_, packet, why) => {
      await send(connectAs('pump', 5), packet as Packet);
      const denial = await newest('protocol_error');
      expect(denial).toMatchObject({ certificateId: certificateId(), clientId: 'pump' });
      expect(denial?.explanation).toMatch(why);
    },
  );
});

test('a request without a certificate where one is needed is answered with 401 and recorded', async () => {
  const port = platform.platform.ports.devices;
  const answer = await rawRequest({ port, ca: platform.rootPem, path: '/tuf/metadata/timestamp.json' });
  expect(answer.status).toBe(401);
  expect(await newest('request_denied')).toMatchObject({
    remoteAddress: '127.0.0.1',
    explanation: 'devices: a client certificate of this platform is needed',
  });
});
