import { PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { bodyStart, type KeptMessage } from '../session/kept-message.ts';
import type { Topic } from '../topics/topic-table.ts';
import { OutgoingMessage } from './message.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Orphan } from './owed.ts';
import type { Session } from './session.ts';
import type { Route, Subscription } from './subscriptions.ts';

interface HandoverHost<Peer> {
  readonly metrics: BrokerMetrics;
  nowMs(): number;
  topic(text: string): Topic<Route<Session<Peer>>>;
  routeOf(topic: Topic<Route<Session<Peer>>>): Route<Session<Peer>>;
  deliver(message: OutgoingMessage, subscription: Subscription<Session<Peer>>): boolean;
  failed(error: unknown): void;
}

/**
 * Gives what one member of a shared subscription did not acknowledge before its session ended to another one (MQTT 5 section
 * 4.8.2). Only to one that has room to spare: what nobody can take is dropped and counted, rather than that one member's end cuts
 * the next. One after the other: what is given may end a session, whose messages come here again.
 */
export class Handover<Peer> {
  readonly #host: HandoverHost<Peer>;
  readonly #orphans: Orphan[] = [];
  readonly #frame = new PublishFrame();
  #isGiving = false;

  constructor(host: HandoverHost<Peer>) {
    this.#host = host;
  }

  /** Never throws: it runs while a session ends. */
  give(orphans: readonly Orphan[]): void {
    for (const orphan of orphans) this.#orphans.push(orphan);
    if (this.#isGiving) return;
    this.#isGiving = true;
    for (let index = 0; index < this.#orphans.length; index++) this.#giveOrFail(this.#orphans[index]!);
    this.#orphans.length = 0;
    this.#isGiving = false;
  }

  #giveOrFail(orphan: Orphan): void {
    try {
      this.#give(orphan);
    } catch (error) {
      this.#host.metrics.messagesDropped++;
      this.#host.failed(error);
    }
  }

  #give({ shareName, message: kept, qos, retain }: Orphan): void {
    const { metrics } = this.#host;
    if (kept.isExpired(this.#host.nowMs())) {
      metrics.messagesExpired++; // MQTT5-3.3.2-5
      return;
    }
    const topic = this.#host.topic(kept.topic);
    const group = this.#host.routeOf(topic).groups.find((each) => each.shareName === shareName);
    if (group === undefined) return; // nobody is subscribed any more
    const chosen = group.choose(topic.text);
    if (chosen?.subscriber.canTake(kept.packet.length) !== true) {
      metrics.messagesDropped++;
      return;
    }
    const message = this.#messageOf(kept, topic.bytes);
    message.qos = qos;
    message.wasRetained = retain;
    message.shareName = shareName;
    if (this.#host.deliver(message, chosen)) metrics.messagesHandedOn++;
  }

  /** A message of its own: this may run inside the routing of another. */
  #messageOf({ packet, expiresAtMs }: KeptMessage, topicBytes: Buffer): OutgoingMessage {
    const frame = this.#frame;
    readPublish(frame, packet, 0, bodyStart(packet), packet.length, 5);
    const message = new OutgoingMessage();
    const range = { bytes: packet, payloadStart: frame.payloadStart, payloadEnd: frame.end };
    const properties =
      expiresAtMs === 0
        ? frame.properties
        : { ...frame.properties, messageExpiryInterval: this.#secondsTo(expiresAtMs) };
    message.setSource({ ...range, topicBytes, qos: 0, retain: false, properties });
    return message;
  }

  #secondsTo(atMs: number): number {
    return Math.ceil((atMs - this.#host.nowMs()) / 1000); // MQTT5-3.3.2-6
  }
}
