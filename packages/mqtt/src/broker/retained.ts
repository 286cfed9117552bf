import type { Qos } from '../codec/packet-type.ts';
import type { StoredRetained } from '../store/message-store.ts';
import { TopicTrie } from '../topics/topic-trie.ts';
import { TopicWalk } from '../topics/topic-walk.ts';
import type { Journal } from './journal.ts';
import type { OutgoingMessage } from './message.ts';
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
  readonly metrics: { retainedMessages: number; retainedBytes: number; retainedRefused: number };
  readonly journal: Pick<Journal, 'write'>;
  readonly nowMs: number;
}

type RetainedLimit = 'retainedMessagesMax' | 'retainedBytesMax';

const EXPIRY_SLOT_MS = 1000;

/**
 * One message a topic, in the journal too: bounded in number and bytes together, what is kept stays and what would be one too many
 * is refused.
 */
export class RetainedMessages {
  readonly #trie = new TopicTrie<Kept>();
  readonly #wheel: TimerWheel<Kept>;
  readonly #limits: RetainedOptions['limits'];
  readonly #metrics: RetainedOptions['metrics'];
  readonly #journal: RetainedOptions['journal'];
  #number = 0;

  constructor({ limits, metrics, journal, nowMs }: RetainedOptions) {
    this.#limits = limits;
    this.#metrics = metrics;
    this.#journal = journal;
    this.#wheel = new TimerWheel({ slotMs: EXPIRY_SLOT_MS, nowMs });
  }

  /**
   * Keeps a message that is being routed (MQTT-3.3.1-5, MQTT5-3.3.1-5), or with no payload forgets the one there is; returns the
   * limit that leaves no room, and then nothing has changed.
   */
  keep(message: OutgoingMessage, topic: string, nowMs: number): RetainedLimit | undefined {
    if (message.payloadBytes === 0) {
      this.delete(topic); // MQTT-3.3.1-10, -11; MQTT5-3.3.1-6, -7
      return undefined;
    }
    const expirySeconds = message.properties.messageExpiryInterval;
    const expiresAtMs = expirySeconds === undefined ? 0 : nowMs + expirySeconds * 1000;
    const retained = { topic, packet: message.retainedPacket(), qos: message.qos, expiresAtMs };
    const reached = this.#limitReached(retained);
    if (reached === undefined) {
      this.#set(retained);
      this.#journal.write({ kind: 'retained', ...retained }, retained.packet.length);
    } else this.#metrics.retainedRefused++;
    return reached;
  }

  /** Takes up what the last run left, also where a limit is lower now. */
  restore({ topic, packet, qos, expiresAtMs }: StoredRetained): void {
    const own = Buffer.allocUnsafeSlow(packet.length);
    own.set(packet);
    this.#set({ topic, packet: own, qos, expiresAtMs });
  }

  /** False when there was none. */
  delete(topic: string): boolean {
    const previous = this.#trie.delete(topic.split('/'));
    if (previous === undefined) return false;
    this.#wheel.delete(previous);
    this.#metrics.retainedMessages--;
    this.#metrics.retainedBytes -= previous.packet.length;
    this.#journal.write({ kind: 'retained-gone', topic });
    return true;
  }

  /** Forgets what is past its time (MQTT5-3.3.2-5); returns how many that were. */
  expire(nowMs: number): number {
    let count = 0;
    this.#wheel.advance(nowMs, ({ topic }) => {
      if (this.delete(topic)) count++;
    });
    return count;
  }

  /** What the filter matches now, and nothing that is kept from here on. */
  walk(filter: string): RetainedWalk {
    return new RetainedWalk(new TopicWalk(this.#trie, filter), this.#number);
  }

  #set(message: RetainedMessage): void {
    const levels = message.topic.split('/');
    const kept: Kept = { ...message, number: ++this.#number, deadlineMs: 0, wheelSlot: -1 };
    const previous = this.#trie.set(levels, kept);
    if (previous === undefined) this.#metrics.retainedMessages++;
    else this.#wheel.delete(previous);
    this.#metrics.retainedBytes += message.packet.length - (previous?.packet.length ?? 0);
    if (message.expiresAtMs > 0) this.#wheel.set(kept, message.expiresAtMs);
  }

  /** What takes no more than it gives back is taken also where a lowered limit is already passed. */
  #limitReached({ topic, packet }: RetainedMessage): RetainedLimit | undefined {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits;
    const previous = this.#trie.get(topic.split('/'));
    if (previous === undefined && this.#metrics.retainedMessages >= retainedMessagesMax)
      return 'retainedMessagesMax';
    const moreBytes = packet.length - (previous?.packet.length ?? 0);
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
