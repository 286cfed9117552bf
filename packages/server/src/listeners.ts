import { type Clock, parseCertificateId, type Random, type Transactor } from '@fleetward/core';
import type { Envelope } from '@fleetward/keys';
import { otherEncodingsOf, parseCertificate } from '@fleetward/pki';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { type DeviceGateway, deviceApi, deviceTopics } from './device-api.ts';
import type { Domains } from './domains.ts';
import { createAdmission } from './gateway/admission.ts';
import { Authorizer } from './gateway/authorizer.ts';
import { DeviceHttp } from './gateway/device-http.ts';
import { KnownCertificates } from './gateway/known-certificates.ts';
import { LiveSockets } from './gateway/live-sockets.ts';
import { MqttGateway } from './gateway/mqtt-gateway.ts';
import { MqttListener } from './gateway/mqtt-listener.ts';
import { PlainListener } from './gateway/plain-listener.ts';
import { parseProxies } from './gateway/proxied-connections.ts';
import { ServerCredentials } from './gateway/server-credentials.ts';
import type { Guard } from './gateway/tls-listener.ts';
import { startOperators, startPublic } from './http-listeners.ts';
import { naming, namingAt } from './listener-address.ts';
import type { Log } from './log.ts';
import type { MessageFile } from './storage/messages/open.ts';

const dayMs = 86_400_000;

/** The TCP ports that were taken. */
export interface Ports {
  mqtt: number;
  devices: number;
  public: number;
  operators: number;
  /** Only when it is on. */
  plainMqtt?: number;
}

export interface Listeners {
  readonly ports: Ports;
  readonly mqtt: MqttGateway;
  readonly credentials: ServerCredentials;
}

export interface ListenerParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly domains: Domains;
  readonly transactor: Transactor;
  /** What devices that are away are owed. */
  readonly messages: MessageFile;
  /** Seals the server's TLS key at rest. */
  readonly envelope: Envelope;
  /** Filled in as each listener takes its port; the CRL's address in certificates is made from the public one. */
  readonly ports: Ports;
}

/** Starts the listeners, the public one first; `undo` gets how to stop each, so that a failed start leaves nothing. */
export async function startListeners(
  parts: ListenerParts,
  undo: (() => Promise<void>)[],
): Promise<Listeners> {
  const { config, domains, clock, ports } = parts;
  ports.public = await naming('public', config, () => startPublic(parts, undo));
  const credentials = new ServerCredentials({
    folder: config.folder,
    serverNames: config.serverNames,
    envelope: parts.envelope,
    certificates: domains.certificates,
    vendorAuthorities: () => domains.vendorCas.active().map(({ certificate }) => certificate),
    clock,
  });
  await credentials.ensureFresh();
  const live = new LiveSockets();
  const known = new KnownCertificates({ certificatesMax: config.tlsLimits.knownCertificatesMax });
  const guard: Guard = {
    limits: config.tlsLimits,
    admit: createAdmission({
      certificates: domains.certificates,
      vendorCas: domains.vendorCas,
      known,
      things: domains.things,
      clock,
      graceMs: config.certificates.graceDays * dayMs,
    }),
    live,
    meet: (newcomer, remoteAddress) => void domains.vendorCas.firstConnections.meet(newcomer, remoteAddress),
    unregistered: (der, remoteAddress) => {
      const certificate = parseCertificate(der);
      void domains.unlogged.presented([certificate.id, ...otherEncodingsOf(certificate)], remoteAddress);
    },
    denials: domains.denials,
    proxies: parseProxies(config.proxyAddresses),
  };
  const authorizer = new Authorizer({ ...domains, clock });
  const mqtt = new MqttGateway({
    ...parts,
    guard,
    authorizer,
    certificates: domains.certificates,
    vendorCas: domains.vendorCas,
    store: parts.messages,
    reservedTopics: deviceTopics(parts),
    warn: (message, error) => parts.log.warn({ err: error }, message),
    denials: domains.denials,
    presence: domains.presence,
    newcomer: (newcomer) => domains.detections.connecting(newcomer),
    sees: (peer, sight) => domains.campaigns.sees(peer, sight),
  });
  await startDeviceListeners(parts, { guard, credentials, mqtt, authorizer }, undo);
  ports.operators = await naming('operators', config, () =>
    startOperators(parts, { mqtt, live, known, credentials }, undo),
  );
  return { ports, mqtt, credentials };
}

/** 8883 and 8443 stop after the broker has said goodbye on both, as they wait for their connections to end. */
async function startDeviceListeners(
  parts: ListenerParts,
  gateway: DeviceGateway & { readonly credentials: ServerCredentials },
  undo: (() => Promise<void>)[],
): Promise<void> {
  const { config, ports, domains } = parts;
  const { mqtt } = gateway;
  const shared = {
    ...parts,
    ...gateway,
    serveMqtt: (...peer: Parameters<MqttGateway['accept']>) => mqtt.accept(...peer),
  };
  const listener = new MqttListener(shared);
  const devices = new DeviceHttp({ ...shared, things: domains.things, ...deviceApi(parts, gateway) });
  let plain: PlainListener | undefined;
  undo.push(
    () => listener.stop(),
    () => devices.stop(),
    async () => plain?.stop(),
    () => mqtt.stop(),
  );
  await mqtt.start();
  ports.mqtt = await naming('mqtt', config, () => listener.start());
  ports.devices = await naming('devices', config, () => devices.start());
  const { plainMqtt } = config;
  if (plainMqtt.kind === 'off') return;
  const certificateDer = await certificateOf(plainMqtt, domains);
  plain = new PlainListener({ ...shared, settings: plainMqtt, certificateDer });
  ports.plainMqtt = await namingAt({ listener: 'plainMqtt', setting: 'plainMqtt', at: plainMqtt }, () =>
    plain!.start(),
  );
}

async function certificateOf(
  { certificateId }: { readonly certificateId: string },
  { certificates }: Domains,
): Promise<Uint8Array> {
  const record = await certificates.find(parseCertificateId(certificateId));
  if (record !== undefined) return record.der;
  const message = `\`plainMqtt.certificateId\`: there is no certificate \`${certificateId}\``;
  throw new ConfigError('config.invalid', message);
}
