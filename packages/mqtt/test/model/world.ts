import { MemoryStream } from '../../fuzz/live/memory-stream.ts';
import { type Broker, type BrokerLimits, createBroker } from '../../src/index.ts';
import { allowAll } from '../broker-rig.ts';
import { HeldStore } from '../held-store.ts';
import type { CarefulClient, Dial } from './careful-client.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';

/** One thing that happens; `who` and `how` choose among what there is. */
export interface Happening {
  readonly what: 'publish' | 'work' | 'cut' | 'connect' | 'turn' | 'disk' | 'hold' | 'crash';
  readonly who: number;
  readonly how: number;
}

/** What is under way is done in far fewer; more, and somebody waits for what never comes. */
const TURNS_MAX = 20_000;

const TOPICS = ['t/a', 't/b'] as const;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A broker on a disk that can crash under it, and clients that do nothing wrong. */
export class World {
  readonly publishers = [new Publisher('p4', 4), new Publisher('p5', 5)];
  readonly subscribers = [
    new Subscriber('s1', 4, { filter: 't/+', qos: 1 }),
    new Subscriber('s2', 5, { filter: 't/#', qos: 2 }),
  ];
  readonly #limits: Partial<BrokerLimits>;
  #store = new HeldStore();
  #broker: Broker<undefined> | undefined;
  #abandoned: Broker<undefined>[] = [];
  readonly #dial: Dial = (onSent) => {
    const stream = new MemoryStream(onSent);
    this.#broker?.accept(stream, undefined);
    return stream;
  };

  constructor(limits: Partial<BrokerLimits>) {
    this.#limits = limits;
  }

  get #clients(): readonly CarefulClient[] {
    return [...this.publishers, ...this.subscribers];
  }

  /** Everybody is connected, and the subscriptions are granted. */
  async start(): Promise<void> {
    await this.#startBroker();
    for (const subscriber of this.subscribers) subscriber.connect(this.#dial);
    for (const publisher of this.publishers) publisher.connect(this.#dial);
    await this.#untilQuiet();
  }

  async happen({ what, who, how }: Happening): Promise<void> {
    const client = this.#clients[who % this.#clients.length]!;
    switch (what) {
      case 'publish':
        this.publishers[who % this.publishers.length]!.publish(
          TOPICS[(how >> 1) % 2]!,
          how % 2 === 0 ? 1 : 2,
        );
        return;
      case 'work':
        client.work(1 + (how % 4));
        return;
      case 'cut':
        client.cut();
        return;
      case 'connect':
        client.connect(this.#dial);
        return;
      case 'turn':
        return turn();
      case 'disk':
        return this.#store.letThrough();
      case 'hold':
        this.#store.isOpen = how % 2 === 0;
        return;
      case 'crash':
        return this.#crash();
    }
  }

  /** Everything that is under way comes to its end. */
  async finish(): Promise<void> {
    this.#store.isOpen = true;
    await this.#store.letThrough();
    for (const client of this.#clients) client.connect(this.#dial);
    await this.#untilQuiet();
    for (const broker of [...this.#abandoned, this.#broker]) await broker?.close();
  }

  async #untilQuiet(): Promise<void> {
    let turns = 0;
    for (let quiet = 0; quiet < 5; quiet++) {
      await turn();
      if (++turns > TURNS_MAX) throw new Error(`never quiet: ${this.#clients.map(String).join('; ')}`);
      for (const client of this.#clients) {
        if (client.hasWork) quiet = 0;
        client.work(1_000);
        if (!client.isConnected) client.connect(this.#dial);
      }
      if (this.publishers.some(({ isIdle }) => !isIdle)) quiet = 0;
    }
  }

  async #startBroker(): Promise<void> {
    this.#broker = createBroker<undefined>({
      clock: { now: () => 1_000_000 },
      random: { bytes: (length) => new Uint8Array(length) },
      ticks: 'manual',
      limits: { commitIntervalMs: 0, ...this.#limits }, // time stands still here: what is quiet for some turns is done
      store: this.#store,
      hooks: { connect: () => ({ kind: 'accept', access: allowAll }) },
    });
    await this.#broker.start();
  }

  /** As kill -9: what the disk does not have is gone, and so is every connection. */
  async #crash(): Promise<void> {
    this.#store.fail(new Error('crashed'));
    for (const client of this.#clients) client.cut();
    if (this.#broker !== undefined) this.#abandoned.push(this.#broker);
    this.#store = new HeldStore(this.#store.contents);
    await this.#startBroker();
  }
}
