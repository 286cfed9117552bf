import type { BrokerLimits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';

/** What waits for its owner's next turn. */
export interface TurnTaker {
  takeTurn(): void;
}

/** About what is done for one owner in one turn of the event loop, in nanoseconds, before others are served. */
const TURN_NS = 5_000_000;
/** The same while it is above its rates: what is read beyond them, by ever new connections too, stays little. */
const TURN_ABOVE_NS = 1_000_000;
/** About what a packet costs, a byte of it, each copy that is handed out, and a byte of that copy. */
const PACKET_NS = 2_000;
const BYTE_NS = 10;
const COPY_NS = 150;
const COPY_BYTE_NS = 1;

type Limits = Pick<
  BrokerLimits,
  'messagesPerSecondMax' | 'bytesPerSecondMax' | 'deliveriesPerSecondMax' | 'ratesPerOwnerMax'
>;

interface Rates {
  readonly messages: RateLimit;
  readonly bytes: RateLimit;
  readonly deliveries: RateLimit;
}

/**
 * How the connections of one owner are read, together: a turn's worth of work, then one after the other; and above the owner's rates
 * each no faster than an even share of them, so that one that takes less is not held up by the others.
 */
export class OwnerPace {
  readonly owner: string;
  connections = 0;
  #workNs = 0;
  #isTurnOver = false;
  readonly #waiting: TurnTaker[] = [];
  /** None for an owner of one connection, whose own rates are below these. */
  #rates: Rates | undefined;
  #isAboveRates = false;

  constructor(owner: string) {
    this.owner = owner;
  }

  /** None of its connections is read any further before the event loop has been round. */
  get isTurnOver(): boolean {
    return this.#isTurnOver;
  }

  /** Counts what a packet that was handled sent to so many. */
  copied(count: number, payloadBytes: number): void {
    this.#workNs += count * (COPY_NS + payloadBytes * COPY_BYTE_NS);
  }

  /** Counts a packet that was handled, and ends the turn when that was enough: whether it is over. */
  handled(packetBytes: number): boolean {
    this.#workNs += PACKET_NS + packetBytes * BYTE_NS;
    if (this.#workNs < TURN_ABOVE_NS && !this.#isTurnOver) return false;
    return this.#isTurnOver || this.#endTurn();
  }

  #endTurn(): boolean {
    if (this.#workNs < TURN_NS && !this.#isAboveRates) return false;
    this.#isTurnOver = true;
    setImmediate(beginTurn, this);
    return true;
  }

  /** First come, first served, and once for each call. */
  waitForTurn(taker: TurnTaker): void {
    this.#waiting.push(taker);
  }

  beginTurn(): void {
    this.#isTurnOver = false;
    this.#workNs = 0;
    while (!this.#isTurnOver && this.#waiting.length > 0) this.#waiting.shift()!.takeTurn();
  }

  /** From here on what its connections read together is counted. */
  limitRates(limits: Limits, nowMs: number): void {
    if (this.#rates !== undefined) return;
    const of = (limit: Exclude<keyof Limits, 'ratesPerOwnerMax'>) =>
      new RateLimit({ perSecond: limits.ratesPerOwnerMax * limits[limit], nowMs });
    this.#rates = {
      messages: of('messagesPerSecondMax'),
      bytes: of('bytesPerSecondMax'),
      deliveries: of('deliveriesPerSecondMax'),
    };
  }

  /**
   * Counts what one of its connections read, and returns how many milliseconds an even share of the rates needs for that: 0 while all
   * together keep within them.
   */
  spend(messages: number, bytes: number, deliveries: number, nowMs: number): number {
    if (this.#rates === undefined) return 0;
    const { messages: ofMessages, bytes: ofBytes, deliveries: ofDeliveries } = this.#rates;
    const aboveMessages = ofMessages.spend(messages, nowMs) > 0;
    const aboveBytes = ofBytes.spend(bytes, nowMs) > 0;
    const aboveDeliveries = ofDeliveries.spend(deliveries, nowMs) > 0;
    this.#isAboveRates = aboveMessages || aboveBytes || aboveDeliveries;
    const ms = Math.max(
      aboveMessages ? ofMessages.msOf(messages) : 0,
      aboveBytes ? ofBytes.msOf(bytes) : 0,
      aboveDeliveries ? ofDeliveries.msOf(deliveries) : 0,
    );
    return ms * this.connections;
  }

  /** Whether what was read counts no more, were all of its connections to come anew. */
  isPaid(nowMs: number): boolean {
    if (this.#rates === undefined) return true;
    const { messages, bytes, deliveries } = this.#rates;
    return messages.isFull(nowMs) && bytes.isFull(nowMs) && deliveries.isFull(nowMs);
  }
}

function beginTurn(pace: OwnerPace): void {
  pace.beginTurn();
}

/** Of all owners with connections. What belongs to nobody, the owner with the empty name, has nothing in common. */
export class OwnerPaces {
  readonly #byOwner = new Map<string, OwnerPace>();
  /** Those without connections, remembered for a while by when they lost the last one: coming anew must not be a way round the rates. */
  readonly #left = new Map<OwnerPace, number>();
  readonly #limits: Limits;
  readonly #now: () => number;

  constructor({ limits, now }: { readonly limits: Limits; readonly now: () => number }) {
    this.#limits = limits;
    this.#now = now;
  }

  join(owner: string): OwnerPace {
    const known = this.#byOwner.get(owner);
    const pace = known ?? new OwnerPace(owner);
    pace.connections++;
    this.#left.delete(pace);
    if (known !== undefined) known.limitRates(this.#limits, this.#now());
    else if (owner !== '') this.#byOwner.set(owner, pace);
    return pace;
  }

  leave(pace: OwnerPace): void {
    pace.connections--;
    if (pace.connections === 0 && pace.owner !== '') this.#left.set(pace, this.#now());
  }

  /** Forgets those that left a second ago or more and have nothing to pay any more. */
  settle(nowMs: number): void {
    for (const [pace, leftAtMs] of this.#left) {
      if (Math.abs(nowMs - leftAtMs) < 1_000 || !pace.isPaid(nowMs)) continue;
      this.#left.delete(pace);
      this.#byOwner.delete(pace.owner);
    }
  }
}
