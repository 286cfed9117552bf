import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock, Random } from '@fleetward/core';
import type { Config } from '../config.ts';
import {
  type Authenticate,
  createHttpApp,
  type HttpApp,
  type HttpLog,
  httpServerOptions,
  type RawRoute,
} from '../http/index.ts';
import type { RouteHandler } from '../route-handler.ts';
import type { Things } from '../things/index.ts';
import type { Admission } from './admission.ts';
import { type ServeMqtt, sourceOf } from './mqtt-source.ts';
import { isMqttWebSocket, serveMqttWebSockets } from './mqtt-websocket.ts';
import { recordWhatIsNotHttp } from './not-http.ts';
import { createRequestRate } from './request-rate.ts';
import type { ServerCredentials } from './server-credentials.ts';
import {
  deviceTlsOptions,
  type Guard,
  guardTlsServer,
  httpProtocols,
  listen,
  mqttProtocols,
  speaksMqtt,
} from './tls-listener.ts';

export interface DeviceHttpOptions {
  readonly config: Pick<Config, 'listeners' | 'httpLimits' | 'tlsLimits' | 'mqttLimits'>;
  readonly guard: Guard;
  readonly credentials: ServerCredentials;
  readonly serveMqtt: ServeMqtt;
  readonly things: Things;
  readonly handlers: readonly RouteHandler[];
  readonly rawRoutes: readonly RawRoute[];
  readonly log: HttpLog;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * 8443: HTTPS for devices with a client certificate, except for the EST operations that a device without one needs, and DDI by a
 * target token; and MQTT for those that ask for it by ALPN or WebSocket, always with one.
 */
export class DeviceHttp {
  readonly #options: DeviceHttpOptions;
  readonly #server: Server;
  #app: HttpApp | undefined;

  constructor(options: DeviceHttpOptions) {
    this.#options = options;
    this.#server = createServer({
      ...httpServerOptions(options.config.httpLimits),
      ...deviceTlsOptions({ ...options, protocols: [...httpProtocols, ...mqttProtocols] }),
      shouldUpgradeCallback: isMqttWebSocket,
    });
    options.credentials.serve(this.#server);
  }

  async start(): Promise<number> {
    const { config, guard, handlers, rawRoutes, log, clock, random } = this.#options;
    const admissionOf = guardTlsServer(this.#server, {
      ...guard,
      listener: 'devices',
      isForAdmitted: speaksMqtt,
    });
    this.#divideByProtocol(admissionOf);
    recordWhatIsNotHttp(this.#server, { ...guard, admissionOf });
    serveMqttWebSockets(this.#server, {
      ...guard,
      serveMqtt: this.#options.serveMqtt,
      messageBytesMax: config.mqttLimits.packetBytesMax,
      lingerMs: config.mqttLimits.lingerMs,
    });
    this.#app = await createHttpApp({
      server: this.#server,
      handlers,
      rawRoutes,
      authenticate: this.#authenticate(admissionOf),
      refused: ({ reason, ...by }) =>
        guard.denials.record({ ...by, cause: 'request_denied', explanation: `devices: ${reason}` }),
      limitRequest: createRequestRate({
        clock,
        perSecondMax: config.httpLimits.deviceRequestsPerSecondMax,
        denials: guard.denials,
        admissionOf,
      }),
      limits: {
        ...config.httpLimits,
        connectionsMax: config.tlsLimits.connectionsMax,
        // The guard has counted them, and has recorded whom it refused.
        connectionsPerAddressMax: Number.POSITIVE_INFINITY,
      },
      log,
      clock,
      random,
    });
    return listen(this.#server, config.listeners.devices);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#app?.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Only what speaks HTTP reaches the HTTP server, whose own listener would take every connection. */
  #divideByProtocol(admissionOf: (socket: TLSSocket) => Admission): void {
    const serveHttp = this.#server.listeners('secureConnection').at(-1) as (socket: TLSSocket) => void;
    this.#server.off('secureConnection', serveHttp);
    this.#server.on('secureConnection', (socket) => {
      const admission = admissionOf(socket);
      if (admission.kind === 'refused') return;
      if (speaksMqtt(socket)) this.#options.serveMqtt(socket, sourceOf(socket, admission));
      else serveHttp.call(this.#server, socket);
    });
  }

  /** The connection's admission, looked at again: the registry may have changed since its handshake. */
  #authenticate(admissionOf: (socket: TLSSocket) => Admission): Authenticate {
    return async ({ socket }) => {
      const admission = admissionOf(socket as TLSSocket);
      if (admission.kind === 'anonymous' || admission.kind === 'refused')
        return { kind: 'refused', reason: 'a client certificate of this platform is needed' };
      const { certificateId } = admission;
      const now = this.#options.guard.admit(admission.certificate);
      if (now.kind === 'renew-only') return { kind: 'refused', reason: now.explanation, certificateId };
      if (now.kind !== 'admitted')
        return { kind: 'refused', reason: 'the client certificate is not accepted', certificateId };
      const attachments = this.#options.things.attachmentsOf(certificateId);
      const only = attachments.length === 1 ? attachments[0] : undefined;
      const thing = only === undefined ? {} : { thingName: only.thingName };
      return { kind: 'accepted', caller: { kind: 'device', certificateId, ...thing } };
    };
  }
}
