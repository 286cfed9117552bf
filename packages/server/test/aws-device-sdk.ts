import { once } from 'node:events';
import type { TestPlatform } from '@fleetward/testkit/platform';
import { iot, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2';

/** As whom a client of the AWS IoT Device SDK v2 connects, in PEM. */
interface SdkIdentity {
  readonly key: string;
  readonly cert: string;
  readonly clientId: string;
}

/** What a test may have open of the SDK's request-response clients. */
export const requestLimits = {
  maxRequestResponseSubscriptions: 8,
  maxStreamingSubscriptions: 2,
  operationTimeoutInSeconds: 30,
};

/** An MQTT 5 client of the SDK, built as its samples build it, started and connected. */
export async function connectMqtt5(
  { platform, rootPem }: TestPlatform,
  { key, cert, clientId }: SdkIdentity,
): Promise<mqtt5.Mqtt5Client> {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromMemory(
    'localhost',
    cert,
    key,
  );
  builder.withCertificateAuthority(rootPem);
  builder.withPort(platform.ports.mqtt);
  builder.withConnectProperties({ clientId, keepAliveIntervalSeconds: 60 });
  const client = new mqtt5.Mqtt5Client(builder.build());
  const connected = once(client, 'connectionSuccess');
  client.start();
  await connected;
  return client;
}

/** Resolves when it has stopped. */
export async function stopMqtt5(client: mqtt5.Mqtt5Client): Promise<void> {
  const stopped = once(client, 'stopped');
  client.stop();
  await stopped;
  client.close();
}

/** A connection of the SDK's first MQTT client, 3.1.1, connected. */
export async function connectMqtt311(
  { platform, rootPem }: TestPlatform,
  { key, cert, clientId }: SdkIdentity,
  { isClean = true }: { readonly isClean?: boolean } = {},
): Promise<mqtt.MqttClientConnection> {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder(cert, key);
  builder.with_certificate_authority(rootPem);
  builder.with_clean_session(isClean);
  builder.with_client_id(clientId);
  builder.with_endpoint('localhost');
  builder.with_port(platform.ports.mqtt);
  const connection = new mqtt.MqttClient().new_connection(builder.build());
  await connection.connect();
  return connection;
}
