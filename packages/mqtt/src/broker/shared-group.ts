import { mayReceive } from './guarded-access.ts';
import type { Access } from './hooks.ts';
import type { Subscription } from './subscriptions.ts';

/** What choosing a member needs to know of it. */
export interface SharedSubscriber {
  readonly access: Access;
  /** Connected, and keeping up with what it was sent. */
  readonly hasRoom: boolean;
}

/** Members looked at for one message: in a group where so many at once cannot take more, one of them has to wait. */
const LOOKED_AT_MAX = 64;

/** The subscribers of one `$share/NAME/FILTER` (MQTT 5 section 4.8.2); each message goes to one of them. */
export class SharedGroup<Subscriber extends SharedSubscriber> {
  /** The whole `$share/NAME/FILTER`. */
  readonly filter: string;
  readonly shareName: string;
  /** In the order of their turns. */
  readonly #members = new Map<Subscriber, Subscription<Subscriber>>();

  constructor(filter: string, shareName: string) {
    this.filter = filter;
    this.shareName = shareName;
  }

  get size(): number {
    return this.#members.size;
  }

  some(is: (subscription: Subscription<Subscriber>) => boolean): boolean {
    return this.#members.values().some(is);
  }

  /** Returns the subscription it replaces. */
  set(subscription: Subscription<Subscriber>): Subscription<Subscriber> | undefined {
    const previous = this.#members.get(subscription.subscriber);
    this.#members.set(subscription.subscriber, subscription);
    return previous;
  }

  delete(subscriber: Subscriber): boolean {
    return this.#members.delete(subscriber);
  }

  /**
   * Whose turn it is among those who may receive the topic: the one that waited longest and has room, else the one that waited
   * longest. Who was passed over has had its turn.
   */
  choose(topic: string): Subscription<Subscriber> | undefined {
    let fallback: Subscription<Subscriber> | undefined;
    for (let looks = Math.min(this.#members.size, LOOKED_AT_MAX); looks > 0; looks--) {
      const member = this.#nextInTurn();
      if (member === undefined || !mayReceive(member.subscriber.access, topic, this.shareName)) continue;
      if (member.subscriber.hasRoom) return member;
      fallback ??= member;
    }
    return fallback;
  }

  /** The first goes to the end. */
  #nextInTurn(): Subscription<Subscriber> | undefined {
    for (const [subscriber, member] of this.#members) {
      this.#members.delete(subscriber);
      this.#members.set(subscriber, member);
      return member;
    }
    return undefined;
  }
}
