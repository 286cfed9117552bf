import { createSecureContext, type SecureContext } from 'node:tls';
import type { Random } from '@fleetward/core';
import {
  type ConnackPacket,
  NO_PROPERTIES,
  type Properties,
  type ReasonCode,
  type Will,
} from '@fleetward/mqtt/codec';
import { DeviceError } from '../errors.ts';
import { BackOff } from '../mqtt/back-off.ts';
import { ClientSession } from '../mqtt/client-session.ts';
import { dial, type Link } from '../mqtt/link.ts';
import { explainLoss, isFinal, type Loss } from '../mqtt/loss.ts';
import { type MessageHandler, Subscriptions } from '../mqtt/subscriptions.ts';
import type { DeviceIdentity } from './identity.ts';

type Credentials = Pick<DeviceIdentity, 'chain' | 'key' | 'root' | 'name'>;

export interface ConnectOptions {
  /** `mqtts://HOST[:PORT]`; port 8883 unless it says another. */
  readonly url: string;
  readonly identity: Credentials;
  readonly random: Random;
  /** Default: the identity's name, which is what policies with thing variables ask for. */
  readonly clientId?: string;
  /** How long the platform keeps subscriptions and messages for the device while it is away; default 3,600, 0 for not at all. */
  readonly sessionExpirySeconds?: number;
  /** Default 30; the server may say another. */
  readonly keepAliveSeconds?: number;
  /** For TCP, TLS and CONNACK together; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** A publication that is not acknowledged so long after it was sent, or up to twice that, goes again over a new connection; default 60,000. */
  readonly acknowledgeTimeoutMs?: number;
  /** Longest pause between two attempts; default 60,000. */
  readonly reconnectMaxMs?: number;
  /** A connection that held for so long makes the next pauses short again; default 30,000. */
  readonly stableMs?: number;
  /** Longest pause after another connection took over the client id; default 3,600,000. */
  readonly takeOverMaxMs?: number;
  /** Messages that may be at the handlers at once, of each QoS; the server sends no more with QoS 1, and more with QoS 0 are dropped. Default 32. */
  readonly receiveMax?: number;
  /** Publications with QoS 1 that wait for a connection, in memory; default 1,000. What must outlive the process goes into a telemetry queue. */
  readonly waitingMax?: number;
  /** A larger packet ends the connection; default 262,144. */
  readonly packetBytesMax?: number;
  readonly will?: Will;
  /** Told of everything that a log wants to know, from the first attempt on. It must not throw. */
  readonly onEvent?: ConnectionListener;
}

export type ConnectionEvent =
  | { readonly kind: 'connecting' }
  /** `sessionPresent`: subscriptions and messages of before are still there. */
  | { readonly kind: 'connected'; readonly sessionPresent: boolean }
  | {
      readonly kind: 'disconnected';
      readonly loss: Loss;
      readonly explanation: string;
      readonly retryInMs: number;
    }
  /** The device was refused for good: only another identity helps. */
  | { readonly kind: 'stopped'; readonly loss: Loss; readonly explanation: string }
  | { readonly kind: 'subscription-refused'; readonly filter: string; readonly reasonCode: ReasonCode }
  /** Nobody listens to this topic any more; the session of an earlier process did. */
  | { readonly kind: 'unhandled'; readonly topic: string }
  /** A message with QoS 0 that came while `receiveMax` of them were at the handlers. */
  | { readonly kind: 'dropped'; readonly topic: string }
  | { readonly kind: 'handler-failed'; readonly topic: string; readonly error: unknown };

export type ConnectionListener = (event: ConnectionEvent) => void;

export interface PublishOptions {
  /** Default 1. */
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
  readonly properties?: Properties;
  /** Stops waiting; what was sent already may still arrive. */
  readonly signal?: AbortSignal;
}

export interface Subscription {
  unsubscribe(): Promise<void>;
}

export interface DeviceConnection {
  readonly clientId: string;
  readonly isConnected: boolean;
  /**
   * Resolves when the platform has acknowledged it (QoS 1), over as many connections as that takes, or when it is written (QoS 0).
   * Rejects with `device.refused` (`details.reasonCode`), `device.queue_full`, `device.closed`, for QoS 0 `device.not_connected`.
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void>;
  /**
   * Resolves when it is granted; rejects with `device.refused`. Subscribe in the turn in which you connect: of a session that is still
   * there, messages come with the first bytes. Granted again by itself when the session was lost.
   */
  subscribe(
    filter: string,
    handler: MessageHandler,
    options?: { readonly qos?: 0 | 1 },
  ): Promise<Subscription>;
  /** Another listener; the answer takes it away. */
  observe(listener: ConnectionListener): () => void;
  /** Goes on with another certificate: ends the connection, keeps the session, and connects at once, also after `stopped`. */
  replaceIdentity(identity: Credentials): void;
  /**
   * Waits up to `drainMs` (default 5,000) for what is not acknowledged, then says DISCONNECT and resolves when that is written: the
   * process may end. `endSession`: the platform forgets subscriptions and messages at once.
   */
  close(options?: { readonly drainMs?: number; readonly endSession?: boolean }): Promise<void>;
}

const sendBufferBytesMax = 1024 * 1024;

/**
 * Connects over mutual TLS and MQTT 5, and again for ever: with full jitter, so that a fleet does not come back in one wave, and slowly
 * where a second device has the same identity. It stops where the server refuses the device for good.
 */
export function connectDevice(options: ConnectOptions): DeviceConnection {
  const connection = new Connection(options);
  void connection.run();
  return connection;
}

class Connection implements DeviceConnection {
  readonly clientId: string;
  readonly #options: ConnectOptions;
  readonly #session: ClientSession;
  readonly #subscriptions: Subscriptions;
  readonly #backOff: BackOff;
  readonly #listeners = new Set<ConnectionListener>();
  readonly #endpoint: ReturnType<typeof parseEndpoint>;
  #secureContext: SecureContext;
  #link: Link | undefined;
  #watch: NodeJS.Timeout | undefined;
  #openedAtMs: number | undefined;
  /** Of the connection that ended last; 0 when it was none. */
  #heldMs = 0;
  #wake: (() => void) | undefined;
  #isClosed = false;
  #isReplaced = false;

  constructor(options: ConnectOptions) {
    const { random, reconnectMaxMs = 60_000, stableMs = 30_000, takeOverMaxMs = 3_600_000 } = options;
    this.#options = options;
    this.#endpoint = parseEndpoint(options.url);
    this.#secureContext = secureContextOf(options.identity);
    this.clientId = options.clientId ?? options.identity.name;
    this.#backOff = new BackOff(random, { reconnectMaxMs, stableMs, takeOverMaxMs });
    if (options.onEvent) this.#listeners.add(options.onEvent);
    this.#session = new ClientSession({
      waitingMax: options.waitingMax ?? 1_000,
      receiveMax: this.#receiveMax,
      deliver: (message) => this.#subscriptions.deliver(message),
      dropped: (topic) => this.#tell({ kind: 'dropped', topic }),
    });
    this.#subscriptions = new Subscriptions(this.#session, {
      refused: (filter, reasonCode) => this.#tell({ kind: 'subscription-refused', filter, reasonCode }),
      unhandled: (topic) => this.#tell({ kind: 'unhandled', topic }),
      handlerFailed: (topic, error) => this.#tell({ kind: 'handler-failed', topic, error }),
    });
  }

  async run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isReplaced = false;
      this.#tell({ kind: 'connecting' });
      const loss = await this.#connectOnce();
      if (loss === undefined || this.#isClosed || this.#isReplaced) continue; // ended by this side
      const explanation = explainLoss(loss);
      if (isFinal(loss)) {
        this.#tell({ kind: 'stopped', loss, explanation });
        await this.#sleep(undefined);
      } else {
        const retryInMs = this.#backOff.pauseMs(loss, this.#heldMs);
        this.#tell({ kind: 'disconnected', loss, explanation, retryInMs });
        await this.#sleep(retryInMs);
      }
    }
  }

  get isConnected(): boolean {
    return this.#openedAtMs !== undefined;
  }

  async publish(topic: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    this.#assertOpen();
    const { qos = 1, retain = false, properties = NO_PROPERTIES, signal } = options;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    await this.#session.publish({ topic, payload: bytes, qos, retain, properties }, signal);
  }

  async subscribe(
    filter: string,
    handler: MessageHandler,
    { qos = 1 }: { readonly qos?: 0 | 1 } = {},
  ): Promise<Subscription> {
    this.#assertOpen();
    await this.#subscriptions.add(filter, handler, qos);
    return { unsubscribe: () => this.#subscriptions.remove(filter, handler) };
  }

  observe(listener: ConnectionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  replaceIdentity(identity: Credentials): void {
    this.#assertOpen();
    this.#secureContext = secureContextOf(identity);
    this.#isReplaced = true;
    this.#backOff.reset();
    this.#link?.end();
    this.#wake?.();
  }

  async close({ drainMs = 5_000, endSession = false } = {}): Promise<void> {
    if (this.#isClosed) return;
    if (this.isConnected) await this.#drain(drainMs);
    this.#isClosed = true;
    const closed = new DeviceError('device.closed', 'the connection is closed');
    this.#session.abandon(closed);
    this.#subscriptions.abandon(closed);
    const link = this.#link;
    link?.end(endSession ? { sessionExpiryInterval: 0 } : {});
    this.#wake?.();
    await link?.closed;
  }

  async #connectOnce(): Promise<Loss | undefined> {
    const link = dial({
      tls: { ...this.#endpoint, secureContext: this.#secureContext, ALPNProtocols: ['mqtt'] },
      connect: this.#connectPacket(),
      connectTimeoutMs: this.#options.connectTimeoutMs ?? 10_000,
      packetBytesMax: this.#packetBytesMax,
      sendBufferBytesMax,
      opened: (connack) => this.#opened(connack, link),
      received: (packet) => this.#session.receive(packet),
      drained: () => this.#session.drained(),
    });
    this.#link = link;
    const loss = await link.ended;
    clearInterval(this.#watch);
    this.#heldMs = this.#openedAtMs === undefined ? 0 : performance.now() - this.#openedAtMs;
    this.#openedAtMs = undefined;
    this.#link = undefined;
    this.#session.lost();
    this.#subscriptions.lost();
    return loss;
  }

  #opened(connack: ConnackPacket, link: Link): void {
    this.#openedAtMs = performance.now();
    this.#watch = this.#watchAcknowledgements(link);
    this.#session.opened({ connack, send: (bytes) => link.send(bytes) });
    this.#subscriptions.opened(connack.sessionPresent);
    this.#tell({ kind: 'connected', sessionPresent: connack.sessionPresent });
  }

  /** What is not acknowledged holds its place, and may be sent again on another connection only (MQTT5-4.4.0-1). */
  #watchAcknowledgements(link: Link): NodeJS.Timeout {
    let before: object | undefined;
    return setInterval(() => {
      const oldest = this.#session.oldestInFlight;
      if (oldest !== undefined && oldest === before) link.giveUp({ kind: 'unacknowledged' });
      before = oldest;
    }, this.#options.acknowledgeTimeoutMs ?? 60_000);
  }

  get #receiveMax(): number {
    return this.#options.receiveMax ?? 32;
  }

  get #packetBytesMax(): number {
    return this.#options.packetBytesMax ?? 262_144;
  }

  #connectPacket() {
    const { keepAliveSeconds = 30, sessionExpirySeconds = 3_600, will } = this.#options;
    return {
      kind: 'connect',
      protocolVersion: 5,
      clientId: this.clientId,
      cleanStart: sessionExpirySeconds === 0,
      keepAliveSeconds,
      properties: {
        sessionExpiryInterval: sessionExpirySeconds,
        receiveMaximum: this.#receiveMax,
        maximumPacketSize: this.#packetBytesMax,
      },
      ...(will && { will }),
    } as const;
  }

  /** Until all is acknowledged, the connection is gone, or it took too long. */
  async #drain(drainMs: number): Promise<void> {
    const untilMs = performance.now() + drainMs;
    while (this.#session.pending > 0 && this.isConnected && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** For so long, or until `wake`; without a time only that. */
  #sleep(ms: number | undefined): Promise<void> {
    if (this.#isClosed || this.#isReplaced) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    this.#wake = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new DeviceError('device.closed', 'the connection is closed');
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function parseEndpoint(address: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(address);
  if (url?.protocol !== 'mqtts:' || url.hostname === '')
    throw new DeviceError('device.config_invalid', `\`${address}\` is not \`mqtts://HOST:PORT\``);
  // An IPv6 address stands in brackets there and without them here.
  return { host: url.hostname.replaceAll(/^\[|\]$/g, ''), port: Number(url.port || 8883) };
}

function secureContextOf({ chain, key, root }: Credentials): SecureContext {
  try {
    return createSecureContext({ cert: chain, key, ca: root, minVersion: 'TLSv1.2' });
  } catch (cause) {
    throw new DeviceError('device.identity_invalid', 'the identity is no chain, key and root of TLS', {
      cause,
    });
  }
}
