import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Denials } from './denials/index.ts';
import type { KnownCertificates } from './gateway/known-certificates.ts';
import type { LiveSockets } from './gateway/live-sockets.ts';
import type { MqttGateway } from './gateway/mqtt-gateway.ts';
import { crlRoutes, ocspRoutes } from './gateway/public-http.ts';
import type { ServerCredentials } from './gateway/server-credentials.ts';
import { listen } from './gateway/tls-listener.ts';
import {
  createHttpApp,
  type HttpApp,
  httpServerOptions,
  type OverLimit,
  operatorAuthentication,
} from './http/index.ts';
import type { ListenerParts } from './listeners.ts';
import { operatorApi } from './operator-api.ts';
import { platformVersion } from './version.ts';

/** CRLs and OCSP, for anybody. */
export async function startPublic(
  { config, domains, log, clock, random }: ListenerParts,
  undo: (() => Promise<void>)[],
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

/** The operators' API. */
export async function startOperators(
  parts: ListenerParts,
  gateway: {
    readonly mqtt: MqttGateway;
    readonly live: LiveSockets;
    readonly known: KnownCertificates;
    readonly credentials: ServerCredentials;
  },
  undo: (() => Promise<void>)[],
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

async function closeServer(server: PlainServer | TlsServer, app: HttpApp): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await app.close();
  server.closeAllConnections();
  await closed;
}
