import { PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { bodyStart, type KeptMessage } from '../session/kept-message.ts';
import type { Topic } from '../topics/topic-table.ts';
import type { PublishedMessage } from './hooks.ts';
import type { Journal, Waiter } from './journal.ts';
import { OutgoingMessage } from './message.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Orphan, Owed } from './owed.ts';
import type { Session } from './session.ts';
import type { Route, Subscription } from './subscriptions.ts';

/** What a session that is over leaves to others; its messages are its own, in the store too, until they are given. */
export interface Estate {
  readonly owed: Owed;
  readonly orphans: readonly Orphan[];
}

interface HandoverHost<Peer> {
  readonly metrics: BrokerMetrics;
  readonly journal: Journal;
  /** False once everybody is sent away. */
  isOpen(): boolean;
  nowMs(): number;
  topic(text: string): Topic<Route<Session<Peer>>>;
  routeOf(topic: Topic<Route<Session<Peer>>>): Route<Session<Peer>>;
  deliver(message: OutgoingMessage, subscription: Subscription<Session<Peer>>): boolean;
  /** Whether a member at another broker gets it. */
  giveAway(message: PublishedMessage, shareName: string): boolean;
  failed(error: unknown): void;
}

/** Messages given in one turn of the event loop. */
const GIVEN_A_TURN = 64;

/**
 * Gives what one member of a shared subscription did not acknowledge before its session ended to another one (MQTT 5 section
 * 4.8.2). Only to one that has room to spare: what nobody can take is dropped and counted, rather than that one member's end cuts
 * the next. Some a turn, and no faster than the disk takes it: what is taken from one and given to the other is in one batch, so that
 * after a crash it is owed by one of them.
 */
export class Handover<Peer> implements Waiter {
  readonly #host: HandoverHost<Peer>;
  readonly #estates: { readonly estate: Estate; given: number }[] = [];
  readonly #frame = new PublishFrame();
  readonly #turn = (): void => this.#giveSome();
  #isScheduled = false;
  waitsFor = 0;

  constructor(host: HandoverHost<Peer>) {
    this.#host = host;
  }

  give(estate: Estate): void {
    this.#estates.push({ estate, given: 0 });
    this.#schedule();
  }

  durable(): void {
    this.#isScheduled = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#estates.length === 0) return;
    this.#isScheduled = true;
    const { journal } = this.#host;
    if (journal.isFull) journal.wait(this, journal.lastBatch);
    else setImmediate(this.#turn);
  }

  #giveSome(): void {
    this.#isScheduled = false;
    if (!this.#host.isOpen()) return;
    for (let count = 0; count < GIVEN_A_TURN; count++) {
      const next = this.#estates[0];
      if (next === undefined) return;
      const { owed, orphans } = next.estate;
      const orphan = orphans[next.given++];
      if (orphan !== undefined) {
        this.#giveOrFail(orphan);
        owed.finish(orphan);
      } else {
        this.#estates.shift();
        owed.close();
      }
    }
    this.#schedule();
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
    const chosen = group?.choose(topic.text);
    const { payload, properties } = this.#partsOf(kept);
    if (chosen?.subscriber.canTake(kept.packet.length) !== true) {
      const orphan = { topic: topic.text, payload, qos, retain, properties, owner: '' };
      if (this.#host.giveAway(orphan, shareName)) metrics.messagesHandedOn++;
      else if (group !== undefined) metrics.messagesDropped++; // else nobody is subscribed any more
      return;
    }
    const message = new OutgoingMessage(); // of its own: this may run inside the routing of another
    const range = { bytes: payload, payloadStart: 0, payloadEnd: payload.length };
    message.setSource({ ...range, topicBytes: topic.bytes, qos, retain, properties });
    message.shareName = shareName;
    if (this.#host.deliver(message, chosen)) metrics.messagesHandedOn++;
  }

  #partsOf({ packet, expiresAtMs }: KeptMessage) {
    const frame = this.#frame;
    readPublish(frame, packet, 0, bodyStart(packet), packet.length, 5);
    const payload = packet.subarray(frame.payloadStart, frame.end);
    const { properties } = frame;
    if (expiresAtMs === 0) return { payload, properties };
    return { payload, properties: { ...properties, messageExpiryInterval: this.#secondsTo(expiresAtMs) } };
  }

  #secondsTo(atMs: number): number {
    return Math.ceil((atMs - this.#host.nowMs()) / 1000); // MQTT5-3.3.2-6
  }
}
