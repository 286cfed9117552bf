import { createServer, type Server, type Socket } from 'node:net';
import { parseCertificateId } from '@fleetward/core';
import type { Config } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import type { DenialReport } from '../denials/index.ts';
import { isLoopback } from '../network-of.ts';
import type { ServeMqtt } from './mqtt-source.ts';
import { addressOf, type Guard, listen } from './tls-listener.ts';

type Settings = Extract<Config['plainMqtt'], { kind: 'loopback' }>;

interface PlainListenerOptions {
  readonly settings: Settings;
  /** The certificate that the settings name. */
  readonly certificateDer: Uint8Array;
  readonly guard: Guard;
  readonly serveMqtt: ServeMqtt;
}

/**
 * MQTT without TLS for programs on this machine. Whoever reaches it speaks as the one certificate that the settings name, with its
 * policies and limits, for as long as that is in force.
 */
export class PlainListener {
  readonly #options: PlainListenerOptions;
  readonly #server: Server;

  /** Throws `config.invalid` for an address that others could reach. */
  constructor(options: PlainListenerOptions) {
    assertLoopback(options.settings.host);
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.guard.limits.connectionsMax;
  }

  start(): Promise<number> {
    return listen(this.#server, this.#options.settings);
  }

  /** Resolves when its last connection has ended. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const { guard, certificateDer, serveMqtt } = this.#options;
    socket.on('error', () => socket.destroy());
    const admission = guard.admit(certificateDer);
    if (admission.kind !== 'admitted') {
      const explanation = 'explanation' in admission ? admission.explanation : 'it is not there';
      this.#refuse(socket, { cause: 'connect_denied', explanation });
      return;
    }
    const { certificateId, certificate } = admission;
    const max = guard.limits.connectionsPerCertificateMax;
    if (
      !guard.live.add(
        certificateId,
        { socket, certificate, endsAtMs: admission.endsAtMs, endsWithCertificate: true },
        max,
      )
    ) {
      const explanation = `it has ${max} connections already (setting \`tlsLimits.connectionsPerCertificateMax\`)`;
      this.#refuse(socket, { cause: 'limit', explanation });
      return;
    }
    serveMqtt(socket, { admission, remoteAddress: addressOf(socket), tlsVersion: 'none', cipher: 'none' });
  }

  #refuse(socket: Socket, { cause, explanation }: Pick<DenialReport, 'cause' | 'explanation'>): void {
    this.#options.guard.denials.record({
      cause,
      explanation: `plainMqtt: the certificate of the settings: ${explanation}`,
      certificateId: parseCertificateId(this.#options.settings.certificateId),
      remoteAddress: addressOf(socket),
    });
    socket.destroy();
  }
}

/** A name would be what somebody's resolver says. */
function assertLoopback(host: string): void {
  if (isLoopback(host)) return;
  const message = `\`plainMqtt.host\`: \`${host}\` is no loopback address (127.0.0.1, ::1); MQTT without TLS is for programs on this machine only`;
  throw new ConfigError('config.invalid', message);
}
