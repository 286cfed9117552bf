import type { Packet } from '../../src/index.ts';
import { CarefulClient } from './careful-client.ts';

/** Keeps what it received, QoS 2 exactly as the standard says; its memory survives its connections. */
export class Subscriber extends CarefulClient {
  readonly filter: string;
  readonly qos: 1 | 2;
  readonly received: { readonly text: string; readonly qos: number }[] = [];
  readonly #held = new Set<number>();
  isSubscribed = false;

  constructor(id: string, version: 4 | 5, options: { readonly filter: string; readonly qos: 1 | 2 }) {
    super(id, version);
    this.filter = options.filter;
    this.qos = options.qos;
  }

  protected accepted(sessionPresent: boolean): void {
    if (this.isSubscribed && !sessionPresent)
      throw new Error(`the session of ${this.id} is lost after SUBACK`);
    if (!sessionPresent) this.#held.clear();
    if (this.isSubscribed) return;
    const request = { filter: this.filter, qos: this.qos, noLocal: false, retainAsPublished: false } as const;
    const subscriptions = [{ ...request, retainHandling: 0 }] as const;
    this.send({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} });
  }

  protected handle(packet: Packet): void {
    if (packet.kind === 'suback') this.isSubscribed = true;
    if (packet.kind === 'publish') this.#take(packet);
    if (packet.kind === 'pubrel') {
      this.#held.delete(packet.packetId);
      this.acknowledge('pubcomp', packet.packetId);
    }
  }

  #take({ packetId = 0, payload, qos, dup }: Packet & { readonly kind: 'publish' }): void {
    const text = String(payload);
    if (qos === 1) {
      this.received.push({ text, qos });
      this.acknowledge('puback', packetId);
      return;
    }
    if (this.#held.has(packetId) && !dup)
      throw new Error(`${this.id} got ${packetId} anew before its PUBREL`);
    if (!this.#held.has(packetId)) this.received.push({ text, qos });
    this.#held.add(packetId);
    this.acknowledge('pubrec', packetId);
  }
}
