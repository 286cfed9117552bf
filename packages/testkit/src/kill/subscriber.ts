import type { Packet } from '@fleetward/mqtt';
import { Link } from './link.ts';

type PublishPacket = Extract<Packet, { kind: 'publish' }>;

/** Takes every publisher's numbers: none may be left out or come out of turn, and with QoS 2 none twice. */
export class Subscriber {
  readonly clientId: string;
  readonly #fail: (what: string) => void;
  /** The last number of each topic. */
  readonly #last = new Map<string, number>();
  /** QoS 2: PUBREL has not come. */
  readonly #unreleased = new Set<number>();
  #link: Link | undefined;
  #granted: (() => void) | undefined;
  #isSubscribed = false;
  #received = 0;
  #repeated = 0;

  constructor(clientId: string, { fail }: { readonly fail: (what: string) => void }) {
    this.clientId = clientId;
    this.#fail = fail;
  }

  get received(): number {
    return this.#received;
  }

  /** QoS 1 messages that came again, as they may. */
  get repeated(): number {
    return this.#repeated;
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  last(topic: string): number {
    return this.#last.get(topic) ?? 0;
  }

  async connect(port: number): Promise<void> {
    const { clientId } = this;
    this.#link = await Link.open({ port, clientId, receive: (packet, link) => this.#receive(packet, link) });
    if (this.#isSubscribed && !this.#link.sessionPresent) this.#fail(`${clientId}: its session is lost`);
    if (!this.#isSubscribed) await this.#subscribe(this.#link);
  }

  async disconnect(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.end();
  }

  async #subscribe(link: Link): Promise<void> {
    const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const granted = new Promise<void>((resolve) => {
      this.#granted = resolve;
    });
    link.send({
      kind: 'subscribe',
      packetId: 1,
      subscriptions: [{ filter: 't/#', ...options }],
      properties: {},
    });
    await granted;
    this.#isSubscribed = true;
  }

  #receive(packet: Packet, link: Link): void {
    switch (packet.kind) {
      case 'suback':
        this.#granted?.();
        return;
      case 'publish':
        this.#receivePublish(packet, link);
        return;
      case 'pubrel':
        this.#unreleased.delete(packet.packetId);
        answer(link, 'pubcomp', packet.packetId);
        return;
      default:
        this.#fail(`${this.clientId}: was sent ${packet.kind}`);
    }
  }

  #receivePublish(packet: PublishPacket, link: Link): void {
    const { packetId = 0, qos } = packet;
    if (qos === 2) {
      if (!this.#unreleased.has(packetId)) this.#take(packet);
      this.#unreleased.add(packetId);
      answer(link, 'pubrec', packetId);
    } else {
      this.#take(packet);
      answer(link, 'puback', packetId);
    }
  }

  #take({ topic, payload, qos }: PublishPacket): void {
    const number = Number(Buffer.from(payload).toString());
    const last = this.last(topic);
    const where = `${this.clientId}: ${topic} ${number} after ${last}, QoS ${qos}`;
    if (number > last + 1) this.#fail(`${where}: lost or out of turn`);
    else if (number <= last && qos === 2) this.#fail(`${where}: twice`);
    else if (number <= last) this.#repeated++;
    else {
      this.#last.set(topic, number);
      this.#received++;
    }
  }
}

function answer(link: Link, kind: 'puback' | 'pubrec' | 'pubcomp', packetId: number): void {
  link.send({ kind, packetId, reasonCode: 0, properties: {} });
}
