import { readFileSync } from 'node:fs';
import { attachPolicy, createJoinToken, createPolicy, getMetrics, getThing } from '@fleetward/protocol';
import mqtt, { type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { ApiSession } from '../e2e/api-session.ts';
import { type Enrolled, enrol, newApplicant } from '../e2e/device.ts';
import { kill, serve } from '../e2e/platform-process.ts';

const flushSeconds = 1;

async function connect(session: ApiSession, device: Enrolled): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${session.ports.mqtt}`, {
    ca: session.rootPem,
    key: readFileSync(device.keyFile, 'utf8'),
    cert: device.chainPem,
    clientId: 'pump',
    reconnectPeriod: 0,
  });
  client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  return client;
}

test('a thing is not shown connected for ever after kill -9, and a stop says what it was', {
  timeout: 240_000,
}, async () => {
  await using session = await ApiSession.start({ presence: { flushSeconds } });
  const presence = async () => (await session.api.call(getThing, { params: { thingName: 'pump' } })).presence;
  const counter = async (name: string): Promise<number> => {
    const text = Buffer.from(await session.api.call(getMetrics, {})).toString();
    return Number(new RegExp(`^fleetward_presence\\{counter="${name}"\\} (\\d+)`, 'm').exec(text)?.[1]);
  };
  const { secret } = await session.api.call(createJoinToken, { body: { namePattern: 'pump' } });
  const pump = await enrol(session, await newApplicant(session.folder, 'pump'), secret);
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });
  await session.api.call(createPolicy, { body: { policyName: 'all', document } });
  await session.api.call(attachPolicy, {
    params: { policyName: 'all', certificateId: pump.certificateId },
  });

  const first = await connect(session, pump);
  const live = await presence();
  expect(live).toMatchObject({ connected: true, connection: { tlsVersion: 'TLSv1.3' } });
  // Until the records know of it.
  const { connection } = live;
  await expect
    .poll(async () => (await counter('written')) > 0 && (await counter('pending')) === 0, {
      timeout: 60_000,
    })
    .toBe(true);
  await kill(session.child);
  first.end(true);
  session.restart(await serve(session.settings));
  expect(await presence()).toMatchObject({
    connected: false,
    connection,
    lastDisconnect: { reason: 'SERVER_ERROR' },
  });

  const second = await connect(session, pump);
  session.child.kill('SIGTERM');
  await session.child.outcome;
  second.end(true);
  session.restart(await serve(session.settings));
  expect(await presence()).toMatchObject({
    connected: false,
    lastDisconnect: { reason: 'SERVER_INITIATED_DISCONNECT' },
  });
});
