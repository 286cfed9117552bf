import type { Will } from '../codec/connect.ts';
import { PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { decodeText } from '../codec/wire-reader.ts';
import { bodyStart } from '../session/kept-message.ts';
import type { SessionNumber, StoredWill } from '../store/message-store.ts';
import { mayPublish } from './guarded-access.ts';
import type { BrokerHooks, Connection } from './hooks.ts';
import { OutgoingMessage } from './message.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Routing } from './routing.ts';
import type { LeftWill, Session } from './session.ts';

interface WillsHost<Peer> {
  readonly hooks: BrokerHooks<Peer>;
  readonly metrics: BrokerMetrics;
  /** Without a connection when it is of an earlier run. */
  readonly routing: Pick<Routing<Peer>, 'publish'>;
  failed(connection: Connection<Peer> | undefined, error: unknown): void;
}

/** A will that was taken from its session, with the rights it is decided by. */
type DueWill<Peer> = Pick<Session<Peer>, 'access' | 'owner'> & { readonly left: LeftWill<Peer> };

/** Publishes wills, one after the other: a will may cut a slow consumer that has a will, and so on; that must not recurse. */
export class Wills<Peer> {
  readonly #host: WillsHost<Peer>;
  readonly #due: DueWill<Peer>[] = [];
  #isPublishing = false;

  constructor(host: WillsHost<Peer>) {
    this.#host = host;
  }

  publish(left: LeftWill<Peer>, { access, owner }: Session<Peer>): void {
    this.#due.push({ left, access, owner });
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    for (let index = 0; index < this.#due.length; index++) this.#publishOrDeny(this.#due[index]!);
    this.#due.length = 0;
    this.#isPublishing = false;
  }

  /** Never throws: it runs while a connection ends. */
  #publishOrDeny(due: DueWill<Peer>): void {
    try {
      if (this.#mayPublish(due)) this.#publish(due);
      else this.#host.metrics.willsDenied++;
    } catch (error) {
      this.#host.metrics.willsDenied++;
      this.#host.failed(due.left.connection, error);
    }
  }

  /** Decided now: the policy may have changed since CONNECT. What `reserved` dealt with is not routed. */
  #mayPublish({ left: { will, connection }, access }: DueWill<Peer>): boolean {
    if (!mayPublish(access, will.topic, will.retain)) return false;
    const { topic, payload, qos } = will;
    const { reserved } = this.#host.hooks;
    if (!topic.startsWith('$') || reserved === undefined) return true;
    return connection !== undefined && !this.#host.hooks.reserved?.(connection, { topic, payload, qos });
  }

  #publish({ left: { will, connection }, owner }: DueWill<Peer>): void {
    this.#host.routing.publish({ ...will, owner }, connection); // MQTT-3.1.2-16, -17; MQTT5-3.1.2-14, -15
    this.#host.metrics.willsPublished++;
  }
}

/** As it is stored: `willDelayInterval` is not a property of the message. */
export function storedWill(
  session: SessionNumber,
  { topic, payload, qos, retain, properties }: Will,
): StoredWill {
  const message = new OutgoingMessage();
  const bytes = Buffer.from(payload);
  const range = { bytes, payloadStart: 0, payloadEnd: bytes.length };
  message.setSource({ topicBytes: Buffer.from(topic), ...range, qos: 0, retain: false, properties });
  const delaySeconds = properties.willDelayInterval ?? 0;
  return { session, packet: message.packet(5, 0, []), qos, retain, delaySeconds };
}

/** What it takes in the store. */
export function willBytes(will: Will | undefined): number {
  return will === undefined ? 0 : storedWill(0, will).packet.length;
}

/** Its delay counts from now: its client has been away at least since then. */
export function restoreWill<Peer>(stored: StoredWill, nowMs: number): LeftWill<Peer> {
  const packet = Buffer.from(stored.packet.buffer, stored.packet.byteOffset, stored.packet.byteLength);
  const frame = new PublishFrame();
  readPublish(frame, packet, 0, bodyStart(packet), packet.length, 5);
  const { qos, retain, delaySeconds } = stored;
  const topic = decodeText(packet, frame.topicStart, frame.topicEnd);
  const payload = packet.subarray(frame.payloadStart);
  const will = { topic, payload, qos, retain, properties: frame.properties };
  return { will, connection: undefined, bytes: packet.length, dueAtMs: nowMs + delaySeconds * 1000 };
}
