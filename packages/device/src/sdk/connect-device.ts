import type { Random } from '@fleetward/core';
import { connect, type ErrorWithReasonCode, type IClientOptions, type MqttClient } from 'mqtt';
import type { DeviceIdentity } from './identity.ts';

export interface ConnectOptions {
  /** `mqtts://HOST:PORT`. */
  readonly url: string;
  readonly identity: Pick<DeviceIdentity, 'chain' | 'key' | 'root' | 'name'>;
  /** Default: the identity's name, which is what policies with thing variables ask for. */
  readonly clientId?: string;
  readonly random: Random;
  /** Default 30. */
  readonly keepAliveSeconds?: number;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Longest pause between two attempts; default 60,000. */
  readonly reconnectMaxMs?: number;
  readonly will?: NonNullable<IClientOptions['will']>;
}

const firstReconnectMs = 500;
/** CONNACK: 0x84 of MQTT 5, 1 of 3.1.1, "unsupported protocol version". */
const unsupportedVersion: readonly number[] = [0x84, 1];

/**
 * Connects over mutual TLS with MQTT.js: MQTT 5 first, 3.1.1 where that is not spoken. Reconnects for ever with full
 * jitter, so that a fleet does not come back in one wave. The answer is the running client; listen to its events.
 */
export function connectDevice(options: ConnectOptions): MqttClient {
  const { url, identity, random, reconnectMaxMs = 60_000 } = options;
  const client = connect(url, {
    clientId: options.clientId ?? identity.name,
    protocolVersion: 5,
    clean: true,
    cert: identity.chain,
    key: identity.key,
    ca: identity.root,
    rejectUnauthorized: true,
    ALPNProtocols: ['mqtt'],
    keepalive: options.keepAliveSeconds ?? 30,
    connectTimeout: options.connectTimeoutMs ?? 10_000,
    reconnectPeriod: firstReconnectMs,
    reconnectOnConnackError: true,
    resubscribe: true,
    queueQoSZero: false,
    ...(options.will && { will: options.will }),
  });
  let failures = 0;
  client.on('connect', () => {
    failures = 0;
  });
  // Before the client's own listener, which starts the timer with what stands here.
  client.prependListener('close', () => {
    client.options.reconnectPeriod = reconnectPause(failures++, { random, reconnectMaxMs });
  });
  client.on('error', (error) => {
    if (isUnsupportedVersion(error)) client.options.protocolVersion = 4;
  });
  return client;
}

/** Has the client present a renewed identity from its next connection on: it reads its options anew for each. */
export function replaceIdentity(
  client: MqttClient,
  { chain, key, root }: Pick<DeviceIdentity, 'chain' | 'key' | 'root'>,
): void {
  Object.assign(client.options, { cert: chain, key, ca: root });
}

/** Full jitter: evenly between nothing and a bound that doubles with each failure. At least 1 ms, which is not "never". */
export function reconnectPause(
  failures: number,
  { random, reconnectMaxMs }: { readonly random: Random; readonly reconnectMaxMs: number },
): number {
  const boundMs = Math.min(reconnectMaxMs, firstReconnectMs * 2 ** Math.min(failures, 20));
  const fraction = Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;
  return Math.max(1, Math.floor(boundMs * fraction));
}

function isUnsupportedVersion(error: Error | ErrorWithReasonCode): boolean {
  return 'code' in error && typeof error.code === 'number' && unsupportedVersion.includes(error.code);
}
