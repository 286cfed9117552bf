import { readFileSync } from 'node:fs';
import { createClaim, createPolicy, createProvisioningTemplate } from '@fleetward/protocol';
import { openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { iotidentity, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectMqtt5, connectMqtt311, stopMqtt5 } from '../aws-device-sdk.ts';
import { lampPolicy, lampTemplate } from '../provisioning/fleet.ts';

let platform: TestPlatform;
let claim: Identity;

interface Identity {
  readonly key: string;
  readonly cert: string;
}

beforeAll(async () => {
  platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'lamps', document: lampPolicy } });
  await platform.api.call(createProvisioningTemplate, {
    body: { templateName: 'lamps', template: JSON.stringify(lampTemplate) },
  });
  const made = await platform.api.call(createClaim, { body: { templateName: 'lamps' } });
  claim = { key: made.privateKeyPem ?? '', cert: made.certificatePem };
});
afterAll(() => platform.stop());

async function newCsr(name: string): Promise<Identity & { readonly csr: string }> {
  const file = platform.folder.join(`${name}.key`);
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file]);
  const csr = (await openssl(['req', '-new', '-key', file, '-subj', `/CN=${name}`])).toString();
  return { key: readFileSync(file, 'utf8'), cert: '', csr };
}

/** The device is what it was made: its own certificate connects and may do what its policy says. */
async function assertProvisioned(identity: Identity, thingName: string): Promise<void> {
  const device = await connectMqtt5(platform, { ...identity, clientId: thingName });
  const { reasonCode } = (await device.publish({
    topicName: `state/${thingName}`,
    qos: mqtt5.QoS.AtLeastOnce,
    payload: 'on',
  })) ?? { reasonCode: undefined };
  expect([mqtt5.PubackReasonCode.Success, mqtt5.PubackReasonCode.NoMatchingSubscribers]).toContain(
    reasonCode,
  );
  await stopMqtt5(device);
}

describe('the AWS IoT Device SDK v2, as it is', () => {
  async function onSdk<Result>(
    work: (client: iotidentity.IotIdentityClientv2) => Promise<Result>,
  ): Promise<Result> {
    const connection = await connectMqtt5(platform, { ...claim, clientId: `claim-${Math.random()}` });
    const client = iotidentity.IotIdentityClientv2.newFromMqtt5(connection, {
      maxRequestResponseSubscriptions: 3,
      maxStreamingSubscriptions: 2,
      operationTimeoutInSeconds: 30,
    });
    try {
      return await work(client);
    } finally {
      client.close();
      await stopMqtt5(connection);
    }
  }

  test('provisions with a key of the platform over MQTT 5', async () => {
    const identity = await onSdk(async (client) => {
      const created = await client.createKeysAndCertificate({});
      const registered = await client.registerThing({
        templateName: 'lamps',
        certificateOwnershipToken: created.certificateOwnershipToken!,
        parameters: { SerialNumber: 'keys' },
      });
      expect(registered).toMatchObject({
        thingName: 'lamp-keys',
        deviceConfiguration: { url: 'https://attic.example' },
      });
      return { key: created.privateKey!, cert: created.certificatePem! };
    });
    await assertProvisioned(identity, 'lamp-keys');
  });

  test('provisions from a CSR over MQTT 5', async () => {
    const own = await newCsr('csr');
    const cert = await onSdk(async (client) => {
      const created = await client.createCertificateFromCsr({ certificateSigningRequest: own.csr });
      const { certificateOwnershipToken } = created;
      await client.registerThing({
        templateName: 'lamps',
        certificateOwnershipToken: certificateOwnershipToken!,
        parameters: { SerialNumber: 'csr' },
      });
      return created.certificatePem!;
    });
    await assertProvisioned({ key: own.key, cert }, 'lamp-csr');
  });

  test('is told why it is refused, in its own terms', async () => {
    const refused = onSdk(async (client) => {
      const { certificateOwnershipToken } = await client.createKeysAndCertificate({});
      await client.registerThing({
        templateName: 'lamps',
        certificateOwnershipToken: certificateOwnershipToken!,
      });
    });
    await expect(refused).rejects.toMatchObject({
      modeledError: {
        statusCode: 400,
        errorCode: 'InvalidParameters',
        errorMessage: expect.stringContaining('SerialNumber'),
      },
    });
  });

  test('provisions over MQTT 3.1.1 with the first of its clients', async () => {
    const connection = await connectMqtt311(platform, { ...claim, clientId: 'claim-v4' }, { isClean: false });
    const client = new iotidentity.IotIdentityClient(connection);
    const qos = mqtt.QoS.AtLeastOnce;
    const answer = Promise.withResolvers<iotidentity.model.CreateKeysAndCertificateResponse>();
    await client.subscribeToCreateKeysAndCertificateAccepted({}, qos, (error, response) =>
      response === undefined ? answer.reject(error) : answer.resolve(response),
    );
    await client.publishCreateKeysAndCertificate({}, qos);
    const { certificateOwnershipToken, certificatePem, privateKey } = await answer.promise;
    const registered = Promise.withResolvers<iotidentity.model.RegisterThingResponse>();
    await client.subscribeToRegisterThingAccepted({ templateName: 'lamps' }, qos, (error, response) =>
      response === undefined ? registered.reject(error) : registered.resolve(response),
    );
    const parameters = { SerialNumber: 'v4' };
    await client.publishRegisterThing(
      { templateName: 'lamps', certificateOwnershipToken: certificateOwnershipToken!, parameters },
      qos,
    );
    expect(await registered.promise).toMatchObject({ thingName: 'lamp-v4' });
    await connection.disconnect();
    await assertProvisioned({ key: privateKey!, cert: certificatePem! }, 'lamp-v4');
  });
});
