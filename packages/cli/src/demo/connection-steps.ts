import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connectDevice, type DeviceConnection, type DeviceIdentity } from '@fleetward/device';
import { localSigner } from '@fleetward/keys';
import { encodePem, issueCertificate, makeName, parseCertificatesPem, parsePublicKey } from '@fleetward/pki';
import { attachPolicy, createPolicy, createPolicyVersion, type DenialCause } from '@fleetward/protocol';
import { systemRandom } from '@fleetward/server';
import { must, type Story } from './story.ts';
import { deviceOf, explanationOf, mqttUrl, type World } from './world.ts';

const dayMs = 86_400_000;

/** As AWS publishes it, for a device that sends telemetry and takes commands. */
const published = [
  statement('iot:Connect', 'client/${iot:Connection.Thing.ThingName}'),
  statement(['iot:Publish', 'iot:Receive'], 'topic/telemetry/${iot:Connection.Thing.ThingName}'),
  statement('iot:Subscribe', 'topicfilter/commands/${iot:Connection.Thing.ThingName}'),
];
const receivesCommands = [
  ...published,
  statement('iot:Receive', 'topic/commands/${iot:Connection.Thing.ThingName}'),
];
const sendsCommands = [
  statement('iot:Connect', 'client/valve'),
  statement('iot:Publish', 'topic/commands/*'),
];

function statement(action: string | readonly string[], resource: string) {
  return { Effect: 'Allow', Action: action, Resource: [`arn:aws:iot:REGION:ACCOUNT_ID:${resource}`] };
}

function document(statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** Step 3: who may speak. */
export async function admissionSteps(story: Story, world: World): Promise<void> {
  story.step('Mutual TLS: who may speak');
  await story.try('connect with the certificate', async () => {
    const socket = await handshake(world, deviceOf(world, 'my_iot_device'));
    const said = `${socket.getProtocol()}, ${socket.getCipher().name}`;
    socket.destroy();
    return `admitted: ${said}`;
  });
  await refusedHandshake(story, world, {
    tried: 'without a certificate',
    cause: 'tls_no_certificate',
    offer: async () => ({}),
  });
  await refusedHandshake(story, world, {
    tried: 'with a self-signed certificate of the same name',
    cause: 'certificate_untrusted',
    offer: () => foreignCertificate('self'),
  });
  await refusedHandshake(story, world, {
    tried: 'with a certificate of another CA',
    cause: 'certificate_untrusted',
    offer: () => foreignCertificate('other CA'),
  });
  await story.try('with TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const outcome = await handshake(world, { ...deviceOf(world, 'my_iot_device'), ...old }).catch(
      (error: Error) => error,
    );
    must(outcome instanceof Error, 'the handshake succeeded');
    return `refused: ${await explanationOf(world, 'tls_version')}`;
  });
}

/** Step 4: the policy decides every packet, explains each denial, and changes on the live connection. */
export async function policySteps(story: Story, world: World): Promise<void> {
  story.step('Policy on every packet');
  await story.try('store the policy as AWS publishes it, attach it', async () => {
    const saved = await world.api.call(createPolicy, {
      body: { policyName: 'device', document: document(published) },
    });
    const lint = saved.findings.find(({ id }) => id === 'subscribe-without-receive');
    must(saved.notes.length > 0, 'the answer does not say what REGION and ACCOUNT_ID were bound to');
    must(lint !== undefined, 'the lint does not warn that commands can never arrive');
    await attach(world, { policyName: 'device', device: 'my_iot_device' });
    return `bound: ${saved.notes[0]!.message}; lint: ${lint.message}`;
  });
  await world.api.call(createPolicy, {
    body: { policyName: 'controller', document: document(sendsCommands) },
  });
  await attach(world, { policyName: 'controller', device: 'valve' });
  const device = await connected(world, deviceOf(world, 'my_iot_device'));
  const controller = await connected(world, deviceOf(world, 'valve'));
  await story.try('publish its own telemetry', async () => {
    await device.publish('telemetry/my_iot_device', '{"rpm":900}');
    return 'allowed, acknowledged';
  });
  await story.try('publish to another’s topic', async () => {
    await mustFail(device.publish('telemetry/valve', 'x'));
    return `denied: ${await explanationOf(world, 'publish_denied')}`;
  });
  await story.try('subscribe to #', async () => {
    await mustFail(device.subscribe('#', () => undefined));
    return `denied: ${await explanationOf(world, 'subscribe_denied')}`;
  });
  const commands: string[] = [];
  let arrived = () => {};
  await story.try('a command is sent', async () => {
    await device.subscribe('commands/my_iot_device', ({ payload }) => {
      commands.push(Buffer.from(payload).toString());
      arrived();
    });
    await controller.publish('commands/my_iot_device', 'first');
    return `withheld, as the lint said: ${await explanationOf(world, 'receive_denied')}`;
  });
  await story.try(
    'version 2 lets it receive commands; a command is sent on the same connection',
    async () => {
      const body = { document: document(receivesCommands), setAsDefault: true };
      await world.api.call(createPolicyVersion, { params: { policyName: 'device' }, body });
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      await controller.publish('commands/my_iot_device', 'stop');
      await arrival;
      must(commands.length === 1 && commands[0] === 'stop', `received ${JSON.stringify(commands)}`);
      return 'the command arrived; nobody reconnected';
    },
  );
  await Promise.all([device.close(), controller.close()]);
}

async function attach(
  world: World,
  { policyName, device }: { readonly policyName: string; readonly device: string },
): Promise<void> {
  const certificateId = certificateIdOf(deviceOf(world, device));
  await world.api.call(attachPolicy, { params: { policyName, certificateId } });
}

export function certificateIdOf(device: DeviceIdentity): string {
  return parseCertificatesPem(device.chain)[0]!.id;
}

/** An MQTT 5 connection of the device; rejects when the first attempt fails. */
export async function connected(world: World, identity: DeviceIdentity): Promise<DeviceConnection> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const device = connectDevice({
    url: mqttUrl(world),
    identity,
    random: systemRandom,
    sessionExpirySeconds: 0,
    onEvent: (event) => {
      if (event.kind === 'connected') resolve();
      if (event.kind === 'disconnected' || event.kind === 'stopped') reject(new Error(event.explanation));
    },
  });
  try {
    await promise;
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

interface Offer {
  readonly key?: string;
  readonly chain?: string;
}

async function refusedHandshake(
  story: Story,
  world: World,
  {
    tried,
    cause,
    offer,
  }: { readonly tried: string; readonly cause: DenialCause; readonly offer: () => Promise<Offer> },
): Promise<void> {
  await story.try(tried, async () => {
    const socket = await handshake(world, await offer());
    socket.on('error', () => undefined);
    socket.resume();
    if (!socket.closed) await once(socket, 'close');
    return `cut before its first byte: ${await explanationOf(world, cause)}`;
  });
}

function handshake(
  world: World,
  {
    key,
    chain,
    ...options
  }: Offer & { readonly minVersion?: 'TLSv1.1'; readonly maxVersion?: 'TLSv1.1'; readonly ciphers?: string },
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const own = key === undefined || chain === undefined ? {} : { key, cert: chain };
  const { minVersion, maxVersion, ciphers } = options;
  const socket = connectTls(
    {
      host: 'localhost',
      port: world.platform.ports.mqtt,
      ca: world.rootPem,
      ...own,
      ...(minVersion && { minVersion }),
      ...(maxVersion && { maxVersion }),
      ...(ciphers && { ciphers }),
    },
    () => resolve(socket),
  );
  socket.once('error', reject);
  return promise;
}

/** A certificate that claims to be the device, from whoever: its own key, or a CA that is not the platform's. */
async function foreignCertificate(issuer: 'self' | 'other CA'): Promise<Offer> {
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000; // certificates have whole seconds
  const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + dayMs, random: systemRandom };
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const caName = issuer === 'self' ? 'my_iot_device' : 'Another CA';
  const root = await issueCertificate({
    ...validity,
    ...ownKey(ca),
    profile: 'root-ca',
    issuer: 'self',
    subject: makeName([['commonName', caName]]),
  });
  if (issuer === 'self') return { key: pemOf(ca), chain: encodePem('CERTIFICATE', root.der) };
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const leaf = await issueCertificate({
    ...validity,
    profile: 'device',
    issuer: root,
    subject: makeName([['commonName', 'my_iot_device']]),
    publicKey: ownKey(key).publicKey,
    signer: ownKey(ca).signer,
  });
  return { key: pemOf(key), chain: encodePem('CERTIFICATE', leaf.der) };
}

function ownKey(key: KeyObject) {
  const signer = localSigner(key, 'ecdsa-p256-sha256');
  return { signer, publicKey: parsePublicKey(signer.publicKey) };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function mustFail(attempt: Promise<unknown>): Promise<void> {
  const allowed = await attempt.then(
    () => true,
    () => false,
  );
  must(!allowed, 'it was allowed');
}
