import type { Planted } from '../broker/planted.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { BrokerProcess } from './broker-process.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** A bug on purpose, which must be found. */
  readonly plant?: Planted;
  readonly progress?: (text: string) => void;
}

export interface KillReport {
  readonly kills: number;
  readonly seed: number;
  /** With PUBACK or PUBREC. */
  readonly acknowledged: number;
  /** By all subscribers together. */
  readonly received: number;
  /** QoS 1 messages that came again, as they may. */
  readonly repeated: number;
  /** What must not be: messages lost, out of turn, or twice. Ends the run. */
  readonly failures: readonly string[];
}

const drainTimeoutMs = 120_000;

/**
 * Kills the broker with -9 at random moments under load, QoS 1 and 2, with persistent subscribers that stay, come and go, or are
 * away, and starts it again on the same folder. Every message must reach every subscriber, in order, and with QoS 2 once.
 */
export async function proveKills(options: KillOptions): Promise<KillReport> {
  using folder = temporaryFolder('fleetward-kill-');
  const broker = new BrokerProcess([
    '--persist',
    folder.join('data'),
    ...(options.plant === undefined ? [] : ['--plant', options.plant]),
  ]);
  const trial = new Trial(broker, options);
  try {
    return await trial.run();
  } finally {
    await trial.end();
    await broker.stop();
  }
}

class Trial {
  readonly #broker: BrokerProcess;
  readonly #options: KillOptions;
  readonly #choice: (below: number) => number;
  readonly #failures: string[] = [];
  readonly #publishers: readonly Publisher[];
  readonly #stays: Subscriber;
  readonly #comesAndGoes: Subscriber;
  readonly #isAway: Subscriber;
  #kills = 0;

  constructor(broker: BrokerProcess, options: KillOptions) {
    const fail = (what: string): void => void this.#failures.push(what);
    this.#broker = broker;
    this.#options = options;
    this.#choice = choices(options.seed);
    this.#publishers = [1, 2, 2, 1].map(
      (qos, index) => new Publisher(`publisher-${index}-qos-${qos}`, { qos: qos === 1 ? 1 : 2, fail }),
    );
    this.#stays = new Subscriber('stays', { fail });
    this.#comesAndGoes = new Subscriber('comes-and-goes', { fail });
    this.#isAway = new Subscriber('is-away', { fail });
  }

  get #subscribers(): readonly Subscriber[] {
    return [this.#stays, this.#comesAndGoes, this.#isAway];
  }

  async run(): Promise<KillReport> {
    this.#broker.start();
    await this.#broker.listening();
    for (const subscriber of this.#subscribers) await subscriber.connect(this.#broker.port);
    await this.#isAway.disconnect();
    for (const publisher of this.#publishers) await publisher.connect(this.#broker.port);
    while (this.#kills < this.#options.kills && this.#failures.length === 0) await this.#killOnce();
    if (this.#failures.length === 0) await this.#drain();
    return this.#report();
  }

  async end(): Promise<void> {
    await Promise.all([...this.#publishers, ...this.#subscribers].map((client) => client.disconnect()));
  }

  async #killOnce(): Promise<void> {
    await this.#load(20 + this.#choice(400));
    await this.#restart();
    // Now and then it is killed while it takes up what was left.
    if (this.#choice(6) === 0) {
      await pause(this.#choice(900));
      await this.#restart();
    }
    await this.#broker.listening();
    const { port } = this.#broker;
    await this.end();
    if (this.#kills % 10 === 9) await this.#isAway.connect(port);
    if (this.#choice(2) === 0) await this.#comesAndGoes.connect(port);
    await this.#stays.connect(port);
    await Promise.all(this.#publishers.map((publisher) => publisher.connect(port)));
  }

  async #restart(): Promise<void> {
    await this.#broker.kill();
    this.#kills++;
    this.#options.progress?.(`kill ${this.#kills}, ${this.#acknowledged} acknowledged`);
    this.#broker.start();
  }

  /** Meanwhile one subscriber comes and goes. */
  async #load(milliseconds: number): Promise<void> {
    const toggleAfter = this.#choice(milliseconds);
    await pause(toggleAfter);
    if (this.#comesAndGoes.isConnected) await this.#comesAndGoes.disconnect();
    else await this.#comesAndGoes.connect(this.#broker.port);
    await pause(milliseconds - toggleAfter);
  }

  async #drain(): Promise<void> {
    for (const publisher of this.#publishers) publisher.end();
    for (const subscriber of this.#subscribers)
      if (!subscriber.isConnected) await subscriber.connect(this.#broker.port);
    const deadlineMs = performance.now() + drainTimeoutMs;
    while (this.#missing().length > 0 && this.#failures.length === 0 && performance.now() < deadlineMs)
      await pause(50);
    this.#failures.push(...this.#missing());
  }

  #missing(): readonly string[] {
    const unfinished = this.#publishers.filter(({ isDone }) => !isDone);
    const gaps = this.#publishers.flatMap(({ topic, published }) =>
      this.#subscribers
        .filter((subscriber) => subscriber.last(topic) < published)
        .map((one) => `${one.clientId}: ${topic} ends at ${one.last(topic)} of ${published}: lost`),
    );
    return [...unfinished.map(({ clientId }) => `${clientId}: not everything is acknowledged`), ...gaps];
  }

  get #acknowledged(): number {
    return this.#publishers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  #report(): KillReport {
    const sum = (of: (subscriber: Subscriber) => number) =>
      this.#subscribers.reduce((total, subscriber) => total + of(subscriber), 0);
    return {
      kills: this.#kills,
      seed: this.#options.seed,
      acknowledged: this.#acknowledged,
      received: sum(({ received }) => received),
      repeated: sum(({ repeated }) => repeated),
      failures: this.#failures,
    };
  }
}

/** Mulberry32: every choice follows from the seed; what the system does in between does not. */
function choices(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
