import { generateKeyPairSync } from 'node:crypto';
import { type CertificateId, parsePolicyName } from '@fleetward/core';
import { encodePem, parsePublicKey } from '@fleetward/pki';
import { FakeClock, seededRandom, temporaryFolder } from '@fleetward/testkit';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createAdmission } from '../../src/gateway/admission.ts';
import { Authorizer } from '../../src/gateway/authorizer.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { LiveSockets } from '../../src/gateway/live-sockets.ts';
import { MqttGateway } from '../../src/gateway/mqtt-gateway.ts';
import { MqttListener } from '../../src/gateway/mqtt-listener.ts';
import { ServerCredentials } from '../../src/gateway/server-credentials.ts';
import type { ClusterParts } from '../../src/gateway/session-ownership.ts';
import type { ReservedTopic } from '../../src/reserved-topic.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

/** A device certificate with its key, both PEM. */
interface Identity {
  readonly certificateId: CertificateId;
  readonly key: string;
  readonly cert: string;
}

interface Running {
  readonly gateway: MqttGateway;
  readonly listener: MqttListener;
  readonly port: number;
}

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const anything = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
const policyName = parsePolicyName('all');
const dayMs = 86_400_000;
const anyPort = { host: '127.0.0.1', port: 0 };

/** Two gateways of one platform on real TLS listeners. */
export async function startGatewayPair(cluster: ClusterParts, reservedTopics: readonly ReservedTopic[] = []) {
  const folder = temporaryFolder('fleetward-pair-');
  const random = seededRandom(Math.random());
  const clock = new FakeClock(Date.now());
  // Of the platform's own certificate alone: devices must not seem silent for so long.
  const credentialsClock = new FakeClock(clock.now());
  const platform = await openPlatform({ folder: folder.path, clock, random });
  await platform.policies.create({ name: policyName, document: anything }, operator);
  const credentials = new ServerCredentials({
    folder: folder.path,
    serverNames: ['localhost'],
    envelope: plainEnvelope,
    certificates: platform.certificates,
    vendorAuthorities: () => [],
    clock: credentialsClock,
  });
  await credentials.ensureFresh();
  const faults: string[] = [];
  const gateways = [
    await startGateway(platform, { credentials, cluster, faults, reservedTopics }),
    await startGateway(platform, { credentials, cluster, faults, reservedTopics }),
  ] as const;
  const ca = encodePem('CERTIFICATE', platform.certificates.trust().roots[0]!.der);
  return {
    gateways: gateways.map(({ gateway }) => gateway) as [MqttGateway, MqttGateway],
    enrol: (name: string) => issueIdentity(platform, name),
    /** Takes its trust from every authority that issues, before the gateways are told. */
    async removeIssuers() {
      for (const { id } of platform.certificates.trust().issuers)
        for (const state of ['retired', 'removed'] as const)
          await platform.certificates.setAuthorityState({ certificateId: id, state }, operator);
    },
    /** As upkeep does once two thirds of its life are over. */
    renewCredentials: () => {
      credentialsClock.advance(61 * dayMs);
      return credentials.ensureFresh();
    },
    connect: (
      at: 0 | 1,
      { key, cert }: Identity,
      clientId: string,
      more: Pick<IClientOptions, 'will' | 'clean' | 'properties'> = {},
      heard?: (topic: string, payload: Buffer) => void,
    ) => connect(gateways[at].port, { ca, key, cert, clientId, ...more }, heard),
    async stop() {
      for (const { gateway, listener } of gateways) {
        await gateway.stop();
        await listener.stop();
      }
      await platform.close();
      folder.remove();
      expect(faults).toEqual([]);
    },
  };
}

export type GatewayPair = Awaited<ReturnType<typeof startGatewayPair>>;

async function startGateway(
  platform: Platform,
  shared: {
    readonly credentials: ServerCredentials;
    readonly cluster: ClusterParts;
    readonly faults: string[];
    readonly reservedTopics: readonly ReservedTopic[];
  },
): Promise<Running> {
  const { certificates, vendorCas, things, denials, clock } = platform;
  const config = loadConfig({ overrides: { folder: platform.folder, listeners: { mqtt: anyPort } } });
  const guard = {
    limits: { ...config.tlsLimits, connectsPerSecondMax: 1_000_000 }, // the clock stands still
    admit: createAdmission({
      certificates,
      vendorCas,
      things,
      known: new KnownCertificates({ certificatesMax: 100 }),
      clock,
      graceMs: 0,
    }),
    live: new LiveSockets(),
    meet: () => undefined,
    unregistered: () => undefined,
    denials,
    proxies: undefined,
  };
  const gateway = new MqttGateway({
    ...shared,
    config,
    guard,
    authorizer: new Authorizer({ ...platform, clock }),
    certificates,
    vendorCas,
    denials,
    newcomer: () => ({ kind: 'pass' }),
    sees: () => undefined,
    clock,
    random: seededRandom(Math.random()),
    warn: (message, error) => void shared.faults.push(`${message}: ${error}`),
  });
  await gateway.start();
  const serveMqtt = (...peer: Parameters<MqttGateway['accept']>) => gateway.accept(...peer);
  const listener = new MqttListener({ ...shared, config, guard, serveMqtt });
  return { gateway, listener, port: await listener.start() };
}

async function issueIdentity(platform: Platform, commonName: string): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const request = { profile: 'device', commonName, publicKey: parsePublicKey(spki) } as const;
  const { chain } = await platform.certificates.issue(request, operator);
  const certificateId = chain[0]!.id;
  await platform.policies.attachments.attach({ policyName, certificateId }, operator);
  const cert = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  return { certificateId, cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

/** Rejects when the gateway refuses or cuts before its CONNACK. */
function connect(
  port: number,
  options: IClientOptions,
  heard: (topic: string, payload: Buffer) => void = () => undefined,
): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${port}`, {
    ...options,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  client.on('error', () => undefined);
  client.on('message', heard); // what a kept session is owed comes with its CONNACK
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

/** The key of a test's server is nobody's secret. */
const plainEnvelope = {
  masterKeyId: '0'.repeat(16),
  seal: (plaintext: Uint8Array) => Buffer.from(plaintext).toString('base64'),
  open: (sealed: string) => new Uint8Array(Buffer.from(sealed, 'base64')),
  rewrap: (sealed: string) => sealed,
};
