import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import {
  AppError,
  type CertificateId,
  type Clock,
  parseCertificateId,
  type Random,
  type Transactor,
} from '@fleetward/core';
import type { Envelope } from '@fleetward/keys';
import { otherEncodingsOf, parseCertificate } from '@fleetward/pki';
import type { CertificateContext } from '@fleetward/policy';
import { activityHandlers } from './activity/index.ts';
import { campaignHandlers } from './campaigns/index.ts';
import { type Certificates, certificateHandlers } from './certificates/index.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { targetTokenHandlers } from './ddi/index.ts';
import { type Denials, denialHandlers } from './denials/index.ts';
import { detectionHandlers } from './detections/index.ts';
import { deviceMetricsHandlers, deviceMetricsTopics } from './device-metrics/index.ts';
import { directorHandlers } from './director/index.ts';
import type { Domains } from './domains.ts';
import { endorsementHandlers } from './endorsements/index.ts';
import { enrollmentHandlers } from './enrollment/index.ts';
import { createAdmission } from './gateway/admission.ts';
import { Authorizer } from './gateway/authorizer.ts';
import { certificateContext } from './gateway/certificate-context.ts';
import { connectionHandlers } from './gateway/connections-http.ts';
import { ddiRoutes } from './gateway/ddi/routes.ts';
import { DeviceHttp } from './gateway/device-http.ts';
import { decidedRoutes } from './gateway/device-routes.ts';
import { estRoutes } from './gateway/est/routes.ts';
import { KnownCertificates } from './gateway/known-certificates.ts';
import { LiveSockets } from './gateway/live-sockets.ts';
import { MqttGateway } from './gateway/mqtt-gateway.ts';
import { MqttListener } from './gateway/mqtt-listener.ts';
import { PlainListener } from './gateway/plain-listener.ts';
import { parseProxies } from './gateway/proxied-connections.ts';
import { crlRoutes, ocspRoutes } from './gateway/public-http.ts';
import { publishRoute } from './gateway/publish-http.ts';
import { ServerCredentials } from './gateway/server-credentials.ts';
import { type Guard, listen } from './gateway/tls-listener.ts';
import { tpmRoutes } from './gateway/tpm/routes.ts';
import { groupHandlers } from './groups/index.ts';
import {
  createHttpApp,
  type HttpApp,
  httpServerOptions,
  type OverLimit,
  operatorAuthentication,
  platformHandlers,
  trailHandlers,
} from './http/index.ts';
import { issuanceLogDeviceHandlers, issuanceLogHandlers } from './issuance-log/index.ts';
import { jobDeviceRoutes, jobHandlers, jobTopicServices } from './jobs/index.ts';
import type { Log } from './log.ts';
import { operatorHandlers } from './operators/index.ts';
import { createPlatformMetrics } from './platform-metrics.ts';
import { policyHandlers } from './policies/index.ts';
import { presenceView } from './presence/index.ts';
import { provisioningHandlers, provisioningTopics } from './provisioning/index.ts';
import { releaseHandlers, updateHandlers } from './releases/index.ts';
import { deviceRenewalHandlers, renewalHandlers } from './renewals/index.ts';
import type { RouteHandler } from './route-handler.ts';
import { searchHandlers } from './search/index.ts';
import { shadowDeviceRoutes, shadowHandlers, shadowTopics } from './shadows/index.ts';
import type { MessageFile } from './storage/messages/open.ts';
import { streamTopics } from './streams/index.ts';
import { deviceReportHandlers, ThingImports, thingHandlers, thingTypeHandlers } from './things/index.ts';
import { vendorCaHandlers } from './vendor-cas/index.ts';
import { platformVersion } from './version.ts';

const dayMs = 86_400_000;

/** A listener cannot take its address; the platform does not start. */
class ListenerError extends AppError<'listener.unavailable'> {}

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

interface ListenerParts {
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
    reservedTopics: [
      ...provisioningTopics(domains.provisioning),
      ...jobTopicServices(domains.jobs, clock),
      ...streamTopics(domains.streams),
      ...shadowTopics(domains.shadows, () => clock.now()),
      ...deviceMetricsTopics(domains.deviceMetrics, () => clock.now()),
    ],
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
  gateway: {
    readonly guard: Guard;
    readonly credentials: ServerCredentials;
    readonly mqtt: MqttGateway;
    readonly authorizer: Authorizer;
  },
  undo: Undo,
): Promise<void> {
  const { config, ports, domains } = parts;
  const { mqtt } = gateway;
  const shared = {
    ...parts,
    ...gateway,
    serveMqtt: (...peer: Parameters<MqttGateway['accept']>) => mqtt.accept(...peer),
  };
  const listener = new MqttListener(shared);
  const devices = new DeviceHttp({
    ...shared,
    things: domains.things,
    handlers: [
      ...updateHandlers(domains),
      ...directorHandlers(domains.director),
      ...deviceReportHandlers({
        things: domains.things,
        reported: (report) => domains.campaigns.feedback.reported(report),
      }),
      ...issuanceLogDeviceHandlers(domains.issuanceLog),
      ...deviceRenewalHandlers(domains.renewals),
    ],
    rawRoutes: [
      ...estRoutes({ ...domains, admit: gateway.guard.admit }),
      ...tpmRoutes({ ...domains, admit: gateway.guard.admit }),
      ...decidedRoutes(
        [...shadowDeviceRoutes(domains.shadows, () => parts.clock.now()), ...jobDeviceRoutes(domains.jobs)],
        { admit: gateway.guard.admit, authorizer: gateway.authorizer },
      ),
      publishRoute({
        ...parts,
        admit: gateway.guard.admit,
        authorizer: gateway.authorizer,
        submit: (message) => mqtt.broker.submit(message),
        denials: domains.denials,
        limits: config.mqttLimits,
      }),
      ...ddiRoutes({
        ...domains,
        admit: gateway.guard.admit,
        clock: parts.clock,
        tenant: config.ddi.tenant,
        tokenRequestsPerSecondMax: config.httpLimits.deviceRequestsPerSecondMax,
      }),
    ],
  });
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

/** Says which listener it was when the system refuses its address. */
function naming(
  listener: keyof Config['listeners'],
  config: Config,
  start: () => Promise<number>,
): Promise<number> {
  return namingAt({ listener, setting: `listeners.${listener}`, at: config.listeners[listener] }, start);
}

async function namingAt(
  named: {
    readonly listener: string;
    readonly setting: string;
    readonly at: { readonly host: string; readonly port: number };
  },
  start: () => Promise<number>,
): Promise<number> {
  try {
    return await start();
  } catch (cause) {
    const { syscall = '', code = '' } = cause as NodeJS.ErrnoException;
    if (syscall !== 'listen' && syscall !== 'bind' && syscall !== 'getaddrinfo') throw cause;
    const { listener, setting, at } = named;
    const { host, port } = at;
    const message = `the listener \`${listener}\` cannot listen on \`${host}\`, port ${port}: ${adviceOn(code, setting)}`;
    throw new ListenerError('listener.unavailable', message, { cause, details: { listener, host, port } });
  }
}

function adviceOn(code: string, path: string): string {
  const setting = `--set ${path}`;
  switch (code) {
    case 'EADDRINUSE':
      return `the port is taken, by another program or another listener; choose one with \`${setting}.port=…\``;
    case 'EACCES':
      return `this user may not take the port; choose one from 1024 on with \`${setting}.port=…\``;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no such address; choose another with \`${setting}.host=…\``;
    default:
      return `the system says ${code}; choose another with \`${setting}.host=…\` or \`${setting}.port=…\``;
  }
}

type Undo = (() => Promise<void>)[];

async function startPublic(
  { config, domains, log, clock, random }: ListenerParts,
  undo: Undo,
): Promise<number> {
  const server = createPlainServer(httpServerOptions(config.httpLimits));
  const app = await createHttpApp({
    server,
    handlers: [],
    rawRoutes: [...crlRoutes(domains.certificates), ...ocspRoutes(domains.certificates)],
    authenticate: async () => ({ kind: 'refused', reason: 'nothing here asks who you are' }),
    overLimit: recordOverLimit('public', domains.denials),
    limits: config.httpLimits,
    log,
    clock,
    random,
  });
  undo.push(() => closeServer(server, app));
  return listen(server, config.listeners.public);
}

async function startOperators(
  parts: ListenerParts,
  gateway: {
    readonly mqtt: MqttGateway;
    readonly live: LiveSockets;
    readonly known: KnownCertificates;
    readonly credentials: ServerCredentials;
  },
  undo: Undo,
): Promise<number> {
  const { config, domains, log, clock, random } = parts;
  const server = createTlsServer({
    ...httpServerOptions(config.httpLimits),
    handshakeTimeout: config.tlsLimits.handshakeTimeoutMs,
    ...gateway.credentials.secureContext(),
  });
  // The HTTP layer hears of a failed or overdue handshake as a client error, and has nothing to answer it on.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  gateway.credentials.serve(server);
  const app = await createHttpApp({
    server,
    handlers: operatorApi(parts, gateway),
    authenticate: operatorAuthentication(domains.operators),
    refused: ({ remoteAddress, reason }) =>
      domains.denials.record({ cause: 'operator_token_refused', remoteAddress, explanation: reason }),
    challenge: 'Bearer realm="fleetward"',
    overLimit: recordOverLimit('operators', domains.denials),
    limits: config.httpLimits,
    log,
    clock,
    random,
    describe: { title: 'Fleetward', version: platformVersion },
  });
  undo.push(() => closeServer(server, app));
  return listen(server, config.listeners.operators);
}

function recordOverLimit(listener: string, denials: Denials): (over: OverLimit) => void {
  return ({ setting, remoteAddress }) =>
    denials.record({
      cause: 'limit',
      explanation: `${listener}: too many connections (setting \`httpLimits.${setting}\`)`,
      remoteAddress,
    });
}

/** Every route of the operators' API, in the order of the domains. */
function operatorApi(
  parts: ListenerParts,
  gateway: {
    readonly mqtt: MqttGateway;
    readonly live: LiveSockets;
    readonly known: KnownCertificates;
  },
): readonly RouteHandler[] {
  const { config, domains, ports, clock } = parts;
  const { things, groups, activity, policies, certificates } = domains;
  const imports = new ThingImports({ things, groups, transactor: parts.transactor, clock });
  const collect = (): Promise<void> => gateway.mqtt.collectActivity();
  return [
    ...platformHandlers({
      facts: () => ({
        version: platformVersion,
        node: config.node,
        region: config.region,
        accountId: config.accountId,
        runtime: { node: process.versions.node, openssl: process.versions.openssl },
        ports: { ...ports },
      }),
      isReady: () => ports.operators !== 0,
      metrics: createPlatformMetrics({
        denials: domains.denials,
        detections: domains.detections,
        imports,
        thingTypes: domains.thingTypes,
        unlogged: domains.unlogged,
        groups,
        presence: domains.presence,
        search: domains.search,
        activity,
        policies,
        ...gateway,
        messages: parts.messages,
        enrollment: domains.enrollment,
        renewals: domains.renewals,
        director: domains.director,
        ddi: domains.ddi,
        shadows: domains.shadows,
        deviceMetrics: domains.deviceMetrics,
        campaigns: domains.campaigns,
        jobs: domains.jobs,
        provisioning: domains.provisioning,
        vendorCas: domains.vendorCas,
        certificates: domains.certificates,
        issuanceLog: domains.issuanceLog,
        downloads: domains.downloads,
        clock,
      }),
    }),
    ...trailHandlers(domains.trail, domains.trailPublicKey),
    ...denialHandlers(domains.denials, {
      certificateIdsOf: (name) => things.certificatesOf(name).map(({ certificateId }) => certificateId),
      get: (name) => things.get(name),
    }),
    ...operatorHandlers(domains.operators),
    ...thingHandlers({
      things,
      imports,
      groupsOf: (name) => groups.groupsOf(name),
      isConnected: (name) => domains.presence.isConnected(name),
      presenceOf: (name) => presenceView({ ...domains, clock }, name),
      find: (wanted) => domains.search.find(wanted),
    }),
    ...thingTypeHandlers(domains.thingTypes),
    ...searchHandlers(domains.search),
    ...shadowHandlers({ shadows: domains.shadows, assertThing: (name) => void things.get(name) }),
    ...deviceMetricsHandlers({
      metrics: domains.deviceMetrics,
      clock,
      assertThing: (name) => void things.get(name),
    }),
    ...groupHandlers({ groups, policyNamesOn: (name) => [...policies.namesOn(name)] }),
    ...activityHandlers({ activity, things, collect }),
    ...policyHandlers({
      policies,
      things,
      groups,
      activity,
      trials: domains.policyTrials,
      collect,
      clock,
      certificateContext: (certificateId) => contextOf(certificates, certificateId),
      mayConnect: (certificateId) => certificates.standing(certificateId, clock.now()) === 'active',
    }),
    ...certificateHandlers({
      certificates,
      things,
      activity,
      policies,
      clock,
      graceMs: config.certificates.graceDays * dayMs,
    }),
    ...issuanceLogHandlers(domains.issuanceLog),
    ...renewalHandlers(domains.renewals),
    ...endorsementHandlers(domains.endorsements),
    ...enrollmentHandlers(domains.enrollment),
    ...provisioningHandlers(domains.provisioning),
    ...vendorCaHandlers(domains.vendorCas),
    ...releaseHandlers(domains.releases, domains.releaseKeys),
    ...campaignHandlers(domains.campaigns),
    ...targetTokenHandlers(domains.targetTokens),
    ...jobHandlers(domains.jobs),
    ...detectionHandlers(domains),
    ...connectionHandlers(gateway.mqtt, { transactor: parts.transactor, trail: domains.trail }),
  ];
}

async function contextOf(
  certificates: Certificates,
  certificateId: CertificateId,
): Promise<CertificateContext | undefined> {
  const record = await certificates.find(certificateId);
  return record === undefined ? undefined : certificateContext(parseCertificate(record.der));
}

async function closeServer(server: PlainServer | TlsServer, app: HttpApp): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await app.close();
  server.closeAllConnections();
  await closed;
}
