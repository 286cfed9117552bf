import type { Qos } from '../codec/packet-type.ts';
import { TopicTrie } from '../topics/topic-trie.ts';
import { TopicWalk } from '../topics/topic-walk.ts';
import { TimerWheel, type WheelEntry } from './timer-wheel.ts';

/** The last message of a topic that was sent with RETAIN. */
export interface RetainedMessage {
  readonly topic: string;
  /** A whole MQTT 5 PUBLISH with QoS 0: topic, properties that are passed on, payload. */
  readonly packet: Buffer;
  readonly qos: Qos;
  /** Unix milliseconds; 0: never. */
  readonly expiresAtMs: number;
}

interface Kept extends RetainedMessage, WheelEntry {
  /** Rising, so that a walk can leave out what came after it began. */
  readonly number: number;
}

interface RetainedOptions {
  readonly limits: { readonly retainedMessagesMax: number; readonly retainedBytesMax: number };
  readonly metrics: { retainedMessages: number; retainedBytes: number };
  readonly nowMs: number;
}

export type RetainedLimit = 'retainedMessagesMax' | 'retainedBytesMax';

const EXPIRY_SLOT_MS = 1000;

/** One message a topic, bounded in number and bytes together: what is kept stays, what would be one too many is refused. */
export class RetainedMessages {
  readonly #trie = new TopicTrie<Kept>();
  readonly #wheel: TimerWheel<Kept>;
  readonly #limits: RetainedOptions['limits'];
  readonly #metrics: RetainedOptions['metrics'];
  #number = 0;

  constructor({ limits, metrics, nowMs }: RetainedOptions) {
    this.#limits = limits;
    this.#metrics = metrics;
    this.#wheel = new TimerWheel({ slotMs: EXPIRY_SLOT_MS, nowMs });
  }

  /** Replaces the topic's message (MQTT-3.3.1-5, MQTT5-3.3.1-5), or changes nothing and returns the limit that leaves no room. */
  set(message: RetainedMessage): RetainedLimit | undefined {
    const levels = message.topic.split('/');
    const previous = this.#trie.get(levels);
    const moreMessages = previous === undefined ? 1 : 0;
    const moreBytes = message.packet.length - (previous?.packet.length ?? 0);
    const reached = this.#limitReached(moreMessages, moreBytes);
    if (reached !== undefined) return reached;
    if (previous !== undefined) this.#wheel.delete(previous);
    const kept: Kept = { ...message, number: ++this.#number, deadlineMs: 0, wheelSlot: -1 };
    this.#trie.set(levels, kept);
    if (message.expiresAtMs > 0) this.#wheel.set(kept, message.expiresAtMs);
    this.#metrics.retainedMessages += moreMessages;
    this.#metrics.retainedBytes += moreBytes;
    return undefined;
  }

  /** False when there was none. */
  delete(topic: string): boolean {
    const previous = this.#trie.delete(topic.split('/'));
    if (previous === undefined) return false;
    this.#wheel.delete(previous);
    this.#metrics.retainedMessages--;
    this.#metrics.retainedBytes -= previous.packet.length;
    return true;
  }

  get(topic: string): RetainedMessage | undefined {
    return this.#trie.get(topic.split('/'));
  }

  /** Forgets what is past its time (MQTT5-3.3.2-5) and tells of each topic. */
  expire(nowMs: number, gone: (topic: string) => void): void {
    this.#wheel.advance(nowMs, ({ topic }) => {
      this.delete(topic);
      gone(topic);
    });
  }

  /** What the filter matches now, and nothing that is kept from here on. */
  walk(filter: string): RetainedWalk {
    return new RetainedWalk(new TopicWalk(this.#trie, filter), this.#number);
  }

  /** What takes no more than it gives back is taken also where a lowered limit is already passed. */
  #limitReached(moreMessages: number, moreBytes: number): RetainedLimit | undefined {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits;
    if (moreMessages > 0 && this.#metrics.retainedMessages >= retainedMessagesMax)
      return 'retainedMessagesMax';
    if (moreBytes > 0 && this.#metrics.retainedBytes + moreBytes > retainedBytesMax)
      return 'retainedBytesMax';
    return undefined;
  }
}

/** The retained messages that a new subscription is owed, a few at a time. */
export class RetainedWalk {
  readonly #walk: TopicWalk<Kept>;
  readonly #lastNumber: number;

  constructor(walk: TopicWalk<Kept>, lastNumber: number) {
    this.#walk = walk;
    this.#lastNumber = lastNumber;
  }

  get isDone(): boolean {
    return this.#walk.isDone;
  }

  /** Looks at one more topic; what was published after the subscription was routed to it as it came. */
  step(): RetainedMessage | undefined {
    const found = this.#walk.step();
    return found !== undefined && found.number <= this.#lastNumber ? found : undefined;
  }
}
