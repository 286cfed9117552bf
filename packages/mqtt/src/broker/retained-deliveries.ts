import { PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { bodyStart } from '../session/kept-message.ts';
import { mayReceive } from './guarded-access.ts';
import type { Access } from './hooks.ts';
import { OutgoingMessage } from './message.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { RetainedMessage, RetainedMessages, RetainedWalk } from './retained.ts';

/** Who is sent retained messages. */
export interface RetainedTarget {
  readonly access: Access;
  /** Whether it keeps up with what it was sent, so that more may follow. */
  readonly hasRoom: boolean;
  deliver(message: OutgoingMessage, qos: number, identifiers: readonly number[]): boolean;
  fault(error: unknown): void;
}

interface NewSubscription {
  readonly qos: number;
  readonly identifiers: readonly number[];
}

interface Owed extends NewSubscription {
  readonly walk: RetainedWalk;
}

/** Topics looked at in one turn of the event loop, and for one connection before the next one's turn. */
const STEPS_A_TURN = 512;
const STEPS_A_TARGET = 64;

/**
 * Sends new subscriptions the retained messages they match (MQTT-3.3.1-6, MQTT5-3.3.1-9): some a turn, no faster than the
 * client reads, and after the SUBACK. However many there are, all that waits is a place in the topics.
 */
export class RetainedDeliveries<Target extends RetainedTarget> {
  readonly #messages: RetainedMessages;
  readonly #metrics: BrokerMetrics;
  readonly #now: () => number;
  readonly #owed = new Map<Target, Map<string, Owed>>();
  readonly #ready = new Set<Target>();
  readonly #waiting = new Set<Target>();
  readonly #frame = new PublishFrame();
  readonly #message = new OutgoingMessage();
  readonly #turn = (): void => this.#serveAll();
  #isScheduled = false;

  constructor(
    messages: RetainedMessages,
    options: { readonly metrics: BrokerMetrics; readonly now: () => number },
  ) {
    this.#messages = messages;
    this.#metrics = options.metrics;
    this.#now = options.now;
  }

  /** Begins anew when the same filter is under way already (MQTT-3.8.4-3). */
  start(target: Target, filter: string, subscription: NewSubscription): void {
    const owed = this.#owed.get(target) ?? new Map<string, Owed>();
    owed.set(filter, { ...subscription, walk: this.#messages.walk(filter) });
    this.#owed.set(target, owed);
    this.#makeReady(target);
  }

  /** Unsubscribed: nothing more is sent for it (MQTT-3.10.4-2). */
  stop(target: Target, filter: string): void {
    this.#owed.get(target)?.delete(filter);
  }

  forget(target: Target): void {
    this.#owed.delete(target);
    this.#ready.delete(target);
    this.#waiting.delete(target);
  }

  /** It took some of what it was sent. Called for each acknowledgement: cheap when nobody waits. */
  wake(target: Target): void {
    if (this.#waiting.size > 0 && this.#waiting.delete(target)) this.#makeReady(target);
  }

  #makeReady(target: Target): void {
    this.#ready.add(target);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#ready.size === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  #serveAll(): void {
    this.#isScheduled = false;
    let steps = 0;
    for (const target of this.#ready) {
      this.#ready.delete(target);
      steps += this.#serveOrFault(target);
      if (steps >= STEPS_A_TURN) break;
    }
    this.#schedule();
  }

  #serveOrFault(target: Target): number {
    try {
      return this.#serve(target);
    } catch (error) {
      this.forget(target);
      target.fault(error);
      return STEPS_A_TARGET;
    }
  }

  /** Returns how many topics were looked at. Sending may end the connection, which is then forgotten here. */
  #serve(target: Target): number {
    for (let steps = 0; steps < STEPS_A_TARGET; steps++) {
      const next = this.#next(target);
      if (next === undefined) {
        this.forget(target);
        return steps + 1;
      }
      if (!target.hasRoom) {
        this.#waiting.add(target);
        return steps + 1;
      }
      const message = next.walk.step();
      if (message !== undefined) this.#send(target, message, next);
    }
    if (this.#owed.has(target)) this.#ready.add(target);
    return STEPS_A_TARGET;
  }

  #next(target: Target): Owed | undefined {
    const owed = this.#owed.get(target);
    if (owed === undefined) return undefined;
    for (const [filter, each] of owed) {
      if (!each.walk.isDone) return each;
      owed.delete(filter);
    }
    return undefined;
  }

  #send(target: Target, retained: RetainedMessage, { qos, identifiers }: NewSubscription): void {
    const nowMs = this.#now();
    if (retained.expiresAtMs > 0 && retained.expiresAtMs <= nowMs) return; // MQTT5-3.3.2-5
    if (!mayReceive(target.access, retained.topic)) {
      this.#metrics.messagesWithheld++;
      return;
    }
    this.#prepare(retained, nowMs);
    target.deliver(this.#message, Math.min(qos, retained.qos), identifiers); // MQTT-3.8.4-6, MQTT5-3.8.4-8
  }

  #prepare({ packet, expiresAtMs, qos }: RetainedMessage, nowMs: number): void {
    const frame = this.#frame;
    readPublish(frame, packet, 0, bodyStart(packet), packet.length, 5);
    const topicBytes = packet.subarray(frame.topicStart, frame.topicEnd);
    if (expiresAtMs === 0) this.#message.setFrame(frame, topicBytes);
    else {
      const messageExpiryInterval = Math.ceil((expiresAtMs - nowMs) / 1000); // MQTT5-3.3.2-6
      const properties = { ...frame.properties, messageExpiryInterval };
      const range = { bytes: packet, payloadStart: frame.payloadStart, payloadEnd: frame.end };
      this.#message.setSource({ ...range, topicBytes, qos, retain: true, properties });
    }
    this.#message.qos = qos;
    this.#message.retain = true; // MQTT-3.3.1-8
    this.#message.isForOne = true;
  }
}
