import type { Qos } from '../codec/packet-type.ts';
import type { StoredRetained } from '../store/message-store.ts';
import { TopicTrie } from '../topics/topic-trie.ts';
import { TopicWalk } from '../topics/topic-walk.ts';
import type { Journal } from './journal.ts';
import type { BrokerLimits } from './limits.ts';
import type { OutgoingMessage } from './message.ts';
import type { Share, ShareLimit, Shares } from './shares.ts';
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
  /** Of who sent it. */
  readonly share: Share;
  /** Of its packet, and of the nodes its topic added: they are that owner's until it is gone, though another topic may need them by then. */
  readonly bytes: number;
  /** Rising, so that a walk can leave out what came after it began. */
  readonly number: number;
}

interface RetainedOptions {
  readonly limits: Pick<BrokerLimits, 'retainedMessagesMax' | 'retainedBytesMax'>;
  readonly metrics: { retainedMessages: number; retainedBytes: number; retainedRefused: number };
  readonly journal: Pick<Journal, 'write'>;
  readonly shares: Shares;
  readonly nowMs: number;
}

type RetainedLimit = 'retainedMessagesMax' | 'retainedBytesMax' | ShareLimit;

const EXPIRY_SLOT_MS = 1000;
/** Of one level in memory: 135 among many, 206 where each has one below it. A topic may have many more levels than bytes of payload. */
const NODE_BYTES = 200;

/**
 * One message a topic, in the journal too: bounded in number and bytes, all together and of each owner. What is kept stays, and what
 * would be one too many is refused. Who sent it pays for it until it is replaced.
 */
export class RetainedMessages {
  readonly #trie = new TopicTrie<Kept>();
  readonly #wheel: TimerWheel<Kept>;
  readonly #limits: RetainedOptions['limits'];
  readonly #metrics: RetainedOptions['metrics'];
  readonly #journal: RetainedOptions['journal'];
  readonly #shares: Shares;
  #number = 0;
  #packetBytes = 0;

  constructor({ limits, metrics, journal, shares, nowMs }: RetainedOptions) {
    this.#shares = shares;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#journal = journal;
    this.#wheel = new TimerWheel({ slotMs: EXPIRY_SLOT_MS, nowMs });
  }

  /**
   * Keeps a message that is being routed (MQTT-3.3.1-5, MQTT5-3.3.1-5), or with no payload forgets the one there is; returns the
   * limit that leaves no room, and then nothing has changed.
   */
  keep(
    message: OutgoingMessage,
    topic: string,
    { nowMs, owner }: { readonly nowMs: number; readonly owner: string },
  ): RetainedLimit | undefined {
    if (message.payloadBytes === 0) {
      this.delete(topic); // MQTT-3.3.1-10, -11; MQTT5-3.3.1-6, -7
      return undefined;
    }
    const expirySeconds = message.properties.messageExpiryInterval;
    const expiresAtMs = expirySeconds === undefined ? 0 : nowMs + expirySeconds * 1000;
    const retained = { topic, packet: message.retainedPacket(), qos: message.qos, expiresAtMs };
    const share = this.#shares.of(owner);
    const reached = this.#limitReached(retained, share);
    if (reached === undefined) {
      this.#set(retained, share);
      this.#journal.write({ kind: 'retained', ...retained, owner }, retained.packet.length);
    } else this.#metrics.retainedRefused++;
    this.#shares.settle(share);
    return reached;
  }

  /** Takes up what the last run left, also where a limit is lower now. */
  restore({ topic, packet, qos, expiresAtMs, owner }: StoredRetained): void {
    const own = Buffer.allocUnsafeSlow(packet.length);
    own.set(packet);
    this.#set({ topic, packet: own, qos, expiresAtMs }, this.#shares.of(owner));
  }

  /** False when there was none. */
  delete(topic: string): boolean {
    const previous = this.#trie.delete(topic.split('/'));
    if (previous === undefined) return false;
    this.#wheel.delete(previous);
    this.#count(previous, -1);
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

  #set(message: RetainedMessage, share: Share): void {
    const levels = message.topic.split('/');
    const place = { number: ++this.#number, deadlineMs: 0, wheelSlot: -1 };
    const kept: Kept = { ...message, share, bytes: this.#bytesOf(message, levels), ...place };
    const previous = this.#trie.set(levels, kept);
    this.#count(kept, 1);
    if (previous !== undefined) {
      this.#wheel.delete(previous);
      this.#count(previous, -1);
    }
    if (message.expiresAtMs > 0) this.#wheel.set(kept, message.expiresAtMs);
  }

  /** What it takes, with the nodes that its topic needs and has not got, or that are counted for the one it replaces. */
  #bytesOf({ packet }: RetainedMessage, levels: readonly string[]): number {
    const previous = this.#trie.get(levels);
    const nodes = previous === undefined ? this.#trie.missing(levels) * NODE_BYTES : nodeBytes(previous);
    return packet.length + nodes;
  }

  #count({ packet, bytes, share }: Kept, count: 1 | -1): void {
    this.#packetBytes += count * packet.length;
    this.#metrics.retainedMessages += count;
    this.#metrics.retainedBytes = this.#packetBytes + this.#trie.nodes * NODE_BYTES;
    share.retainedMessages += count;
    share.retainedBytes += count * bytes;
    if (count < 0) this.#shares.settle(share);
  }

  /** What takes no more than it gives back is taken also where a lowered limit is already passed. */
  #limitReached(message: RetainedMessage, share: Share): RetainedLimit | undefined {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits;
    const levels = message.topic.split('/');
    const previous = this.#trie.get(levels);
    const bytes = this.#bytesOf(message, levels);
    if (previous === undefined && this.#metrics.retainedMessages >= retainedMessagesMax)
      return 'retainedMessagesMax';
    const moreBytes = bytes - (previous?.bytes ?? 0);
    if (moreBytes > 0 && this.#metrics.retainedBytes + moreBytes > retainedBytesMax)
      return 'retainedBytesMax';
    const ownBytes = previous?.share === share ? previous.bytes : 0;
    const messages = previous?.share === share ? 0 : 1;
    return this.#shares.retainedLimit(share, { messages, bytes: bytes - ownBytes });
  }
}

function nodeBytes({ bytes, packet }: Kept): number {
  return bytes - packet.length;
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
