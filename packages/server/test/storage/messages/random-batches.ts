import type { StoreChange } from '@fleetward/mqtt';

type Choice = (below: number) => number;

/** The same endless batches for the same seed, as a broker might write them: numbers are given once, deliveries end in any order. */
export function* randomBatches(seed: number): Generator<readonly StoreChange[]> {
  const choice = choices(seed);
  const broker = new RandomBroker(choice);
  for (;;) yield Array.from({ length: choice(8) === 0 ? 200 : 1 + choice(12) }, () => broker.change()).flat();
}

/** Mulberry32: every choice follows from the seed. */
export function choices(seed: number): Choice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const topics = ['a', 'fleet/€/😀', '$aws/things/t', 'x'.repeat(300), ''];

class RandomBroker {
  readonly #choice: Choice;
  readonly #sessions: number[] = [];
  readonly #deliveries: { session: number; seq: number; message: number }[] = [];
  readonly #seqs = new Map<number, number>();
  #lastSession = 0;
  #lastMessage = 2 ** 31 - 20; // so that numbers pass the 32 bits

  constructor(choice: Choice) {
    this.#choice = choice;
  }

  change(): readonly StoreChange[] {
    const session = this.#sessions[this.#choice(this.#sessions.length || 1)];
    if (session === undefined) return [this.#session(++this.#lastSession)];
    const kinds = [
      () => this.#message(),
      () => this.#message(),
      () => this.#message(),
      () => this.#settled(),
      () => this.#settled(),
      () => [this.#session(this.#choice(3) === 0 ? ++this.#lastSession : session)],
      () => (this.#choice(6) === 0 ? this.#sessionGone(session) : []),
      () => [this.#subscription(session)],
      () => [{ kind: 'subscription-gone', session, filter: this.#topic() } as const],
      () => [{ kind: 'inbound', session, packetId: 1 + this.#choice(5) } as const],
      () => [{ kind: 'inbound-gone', session, packetId: 1 + this.#choice(5) } as const],
      () => [this.#retained()],
      () => [{ kind: 'retained-gone', topic: this.#topic() } as const],
      () => [this.#will(session)],
      () => [{ kind: 'will-gone', session } as const],
    ];
    return kinds[this.#choice(kinds.length)]?.() ?? [];
  }

  #session(session: number): StoreChange {
    if (!this.#sessions.includes(session)) this.#sessions.push(session);
    return {
      kind: 'session',
      session,
      clientId: this.#topic(),
      owner: `owner-${this.#choice(3)}`,
      principal: `principal-${this.#choice(3)}`,
      epoch: this.#choice(5),
      expirySeconds: this.#choice(2) === 0 ? 0xffffffff : this.#choice(9),
      disconnectedAtMs: this.#choice(2) === 0 ? undefined : 1_790_000_000_000 + this.#choice(9),
    };
  }

  #sessionGone(session: number): readonly StoreChange[] {
    this.#sessions.splice(this.#sessions.indexOf(session), 1);
    return [{ kind: 'session-gone', session }];
  }

  /** A message to some sessions, sometimes to none. */
  #message(): readonly StoreChange[] {
    const message = ++this.#lastMessage;
    const owed = this.#sessions.filter(() => this.#choice(3) !== 0);
    const expiresAtMs = this.#choice(2) * 1_790_000_000_000;
    return [
      { kind: 'message', message, packet: this.#packet(), expiresAtMs },
      ...owed.map((session) => this.#delivery(session, message)),
    ];
  }

  #delivery(session: number, message: number): StoreChange {
    const seq = (this.#seqs.get(session) ?? 0) + 1;
    this.#seqs.set(session, seq);
    this.#deliveries.push({ session, seq, message });
    return {
      kind: 'delivery',
      session,
      seq,
      message,
      qos: this.#choice(2) === 0 ? 1 : 2,
      retain: this.#choice(2) === 0,
      identifiers: this.#choice(4) === 0 ? [1, 0xfffffff, this.#choice(99)] : [],
      shareName: this.#choice(3) === 0 ? `g${this.#choice(3)}` : '',
      isReleased: this.#choice(4) === 0,
    };
  }

  #settled(): readonly StoreChange[] {
    const at = this.#choice(this.#deliveries.length || 1);
    const delivery = this.#deliveries[at];
    if (delivery === undefined) return [];
    const { session, seq, message } = delivery;
    if (this.#choice(3) === 0) return [{ kind: 'delivery-released', session, seq }];
    this.#deliveries.splice(at, 1);
    const isOwed = this.#deliveries.some((other) => other.message === message);
    const gone: StoreChange = { kind: 'delivery-gone', session, seq };
    return isOwed ? [gone] : [gone, { kind: 'message-gone', message }];
  }

  #subscription(session: number): StoreChange {
    return {
      kind: 'subscription',
      session,
      filter: this.#topic(),
      qos: this.#qos(),
      noLocal: this.#choice(2) === 0,
      retainAsPublished: this.#choice(2) === 0,
      identifier: this.#choice(2) * 0xfffffff,
    };
  }

  #retained(): StoreChange {
    const topic = this.#topic();
    return {
      kind: 'retained',
      topic,
      packet: this.#packet(),
      qos: this.#qos(),
      expiresAtMs: this.#choice(9),
      owner: this.#topic(),
    };
  }

  #will(session: number): StoreChange {
    const retain = this.#choice(2) === 0;
    return {
      kind: 'will',
      session,
      packet: this.#packet(),
      qos: this.#qos(),
      retain,
      delaySeconds: this.#choice(9),
    };
  }

  #qos(): 0 | 1 | 2 {
    return this.#choice(3) as 0 | 1 | 2;
  }

  #topic(): string {
    return topics[this.#choice(topics.length)] ?? '';
  }

  #packet(): Uint8Array {
    const length = this.#choice(20) === 0 ? 20_000 : this.#choice(100);
    return Uint8Array.from({ length }, () => this.#choice(256));
  }
}
