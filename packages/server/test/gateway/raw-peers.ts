import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { CertificateId } from '@fleetward/core';
import { parseCertificatesPem } from '@fleetward/pki';
import { createPolicy, type DenialCause, listDenials } from '@fleetward/protocol';
import type { TestDevice, TestPlatform } from '@fleetward/testkit/platform';

/** Resolves once the peer ended the connection. */
export function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.resume();
  });
}

/** MQTT 3.1.1 CONNECT, clean session, keep-alive 30 s. */
export function connectPacket(clientId: string): Buffer {
  const id = Buffer.from(clientId);
  const body = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    Buffer.from([4, 2, 0, 30, 0, id.length]),
    id,
  ]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

/** The CONNACK's return code, or `closed` when the connection ended without one. */
export function connectMqtt(socket: Socket, clientId: string): Promise<number | 'closed'> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('data', (data: Buffer) => resolve(data[3] ?? 255));
    socket.once('close', () => resolve('closed'));
    socket.write(connectPacket(clientId));
  });
}

const anyPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

export async function allowAll(platform: TestPlatform): Promise<void> {
  await platform.api.call(createPolicy, { body: { policyName: 'all', document: anyPolicy } });
}

export function tlsOf(device: TestDevice): ConnectionOptions {
  return { key: device.key, cert: device.cert };
}

export function idOf(device: TestDevice): CertificateId {
  return parseCertificatesPem(device.cert)[0]!.id;
}

export async function causes(
  platform: TestPlatform,
): Promise<readonly { readonly cause: DenialCause; readonly explanation: string }[]> {
  return (await platform.api.call(listDenials, { query: { limit: 5 } })).denials;
}
