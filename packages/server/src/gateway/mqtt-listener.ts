import { createServer, type Server } from 'node:tls';
import type { Config } from '../config.ts';
import { type ServeMqtt, sourceOf } from './mqtt-source.ts';
import type { ServerCredentials } from './server-credentials.ts';
import { deviceTlsOptions, type Guard, guardTlsServer, listen, mqttProtocols } from './tls-listener.ts';

/** 8883: MQTT over mutual TLS and nothing else, so ALPN may be absent. */
export class MqttListener {
  readonly #server: Server;
  readonly #at: Config['listeners']['mqtt'];

  constructor(options: {
    readonly config: Pick<Config, 'listeners'>;
    readonly guard: Guard;
    readonly credentials: ServerCredentials;
    readonly serveMqtt: ServeMqtt;
  }) {
    const { config, guard, credentials, serveMqtt } = options;
    this.#at = config.listeners.mqtt;
    this.#server = createServer(deviceTlsOptions({ guard, credentials, protocols: mqttProtocols }));
    const admissionOf = guardTlsServer(this.#server, {
      ...guard,
      listener: 'mqtt',
      isForAdmitted: () => true,
    });
    this.#server.on('secureConnection', (socket) => serveMqtt(socket, sourceOf(socket, admissionOf(socket))));
    credentials.serve(this.#server);
  }

  start(): Promise<number> {
    return listen(this.#server, this.#at);
  }

  /** Resolves when its last connection has ended. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
