import { request } from 'node:https';
import type { TestDevice, TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const thing = '${iot:Connection.Thing.ThingName}';
const commonName = '${iot:Certificate.Subject.CommonName}';
const allow = (Action: string | readonly string[], ...Resource: readonly string[]) => ({
  Effect: 'Allow',
  Action,
  Resource,
});

/** Each device its own shadows and nothing else, as AWS IoT recommends; over HTTPS by the name in its certificate. */
export const ownShadowsPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    allow('iot:Connect', `${arn}client/${thing}`),
    allow(['iot:Publish', 'iot:Receive'], `${arn}topic/$aws/things/${thing}/shadow/*`),
    allow('iot:Subscribe', `${arn}topicfilter/$aws/things/${thing}/shadow/*`),
    allow(
      ['iot:GetThingShadow', 'iot:UpdateThingShadow', 'iot:DeleteThingShadow'],
      `${arn}thing/${commonName}`,
      `${arn}thing/${commonName}/*`,
    ),
    allow('iot:ListNamedShadowsForThing', `${arn}thing/${commonName}`),
  ],
});

export interface Heard {
  readonly topic: string;
  readonly value: unknown;
}

/** A device on MQTT that keeps what it hears. */
export async function connectDevice(
  platform: TestPlatform,
  { thingName, key, cert }: TestDevice,
): Promise<{ readonly client: MqttClient; readonly heard: Heard[] }> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key,
    cert,
    clientId: thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
  const heard: Heard[] = [];
  client.on('message', (topic, payload) => heard.push({ topic, value: JSON.parse(String(payload)) }));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return { client, heard };
}

/** A request to the devices' HTTPS listener with the device's certificate. */
export function askOverHttps(
  platform: TestPlatform,
  { key, cert }: TestDevice,
  asked: {
    readonly method: string;
    readonly path: string;
    readonly body?: string | Uint8Array;
    /** Waited for once the platform has the head and wants the body. */
    readonly beforeBody?: () => Promise<void>;
  },
): Promise<{ readonly status: number; readonly errorType: unknown; readonly value: unknown }> {
  const { method, path, body, beforeBody } = asked;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method,
        path,
        host: 'localhost',
        port: platform.platform.ports.devices,
        ca: platform.rootPem,
        key,
        cert,
        agent: false,
        headers: beforeBody === undefined ? {} : { expect: '100-continue' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode: status = 0, headers } = response;
          resolve({
            status,
            errorType: headers['x-amzn-errortype'],
            value: text === '' ? '' : JSON.parse(text),
          });
        });
      },
    );
    sent.on('error', reject);
    if (beforeBody === undefined) {
      sent.end(body);
      return;
    }
    sent.once('continue', () => void beforeBody().then(() => sent.end(body), reject));
    sent.flushHeaders();
  });
}
