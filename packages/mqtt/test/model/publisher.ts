import type { Packet } from '../../src/index.ts';
import { CarefulClient } from './careful-client.ts';

interface Flight {
  readonly packetId: number;
  readonly topic: string;
  readonly qos: 1 | 2;
  readonly text: string;
  isReceived: boolean;
}

const FLIGHTS_MAX = 8;

/** Numbers its messages for each topic and QoS, and sends again what was not acknowledged when it is back, in order. */
export class Publisher extends CarefulClient {
  /** Topic, QoS and number of each message that the broker took responsibility for. */
  readonly acknowledged: string[] = [];
  readonly #flights = new Map<number, Flight>();
  readonly #numbers = new Map<string, number>();

  get isIdle(): boolean {
    return this.#flights.size === 0;
  }

  override toString(): string {
    return `${super.toString()} and waits for ${JSON.stringify([...this.#flights.values()])}`;
  }

  publish(topic: string, qos: 1 | 2): void {
    if (!this.isAccepted || this.#flights.size >= FLIGHTS_MAX) return;
    const stream = `${this.id} ${topic} ${qos}`;
    const number = (this.#numbers.get(stream) ?? 0) + 1;
    this.#numbers.set(stream, number);
    // The lowest that is free: one that is used again at once is where a mistake shows.
    let packetId = 1;
    while (this.#flights.has(packetId)) packetId++;
    const flight = { packetId, topic, qos, text: `${stream} ${number}`, isReceived: false };
    this.#flights.set(flight.packetId, flight);
    this.#sendFlight(flight, false);
  }

  protected accepted(sessionPresent: boolean): void {
    if (!sessionPresent) {
      // Only before anything was acknowledged to it may a crash have taken its session.
      for (const flight of this.#flights.values())
        if (flight.isReceived) throw new Error(`the session of ${this.id} is lost after PUBREC`);
    }
    for (const flight of this.#flights.values()) {
      if (flight.isReceived) this.acknowledge('pubrel', flight.packetId);
      else this.#sendFlight(flight, true);
    }
  }

  protected handle(packet: Packet): void {
    if (packet.kind === 'puback') this.#taken(packet.packetId, 1);
    if (packet.kind === 'pubrec') {
      const flight = this.#flights.get(packet.packetId);
      if (flight === undefined || packet.reasonCode >= 0x80)
        throw new Error(`an odd ${JSON.stringify(packet)}`);
      if (!flight.isReceived) this.acknowledged.push(flight.text);
      flight.isReceived = true;
      this.acknowledge('pubrel', packet.packetId);
    }
    if (packet.kind === 'pubcomp') this.#flights.delete(packet.packetId);
  }

  #taken(packetId: number, qos: 1 | 2): void {
    const flight = this.#flights.get(packetId);
    if (flight?.qos !== qos) throw new Error(`PUBACK ${packetId} answers nothing of ${this.id}`);
    this.#flights.delete(packetId);
    this.acknowledged.push(flight.text);
  }

  #sendFlight({ packetId, topic, qos, text }: Flight, dup: boolean): void {
    const payload = Buffer.from(text);
    this.send({ kind: 'publish', topic, payload, qos, dup, retain: false, packetId, properties: {} });
  }
}
