import type { Packet } from '@fleetward/mqtt';
import { Link } from './link.ts';

interface InFlight {
  readonly number: number;
  /** PUBREC came: only PUBREL is sent from here on. */
  isReleased: boolean;
}

const inFlightMax = 8;
const packetIds = 0xffff;

/** Publishes 1, 2, 3… on its topic, and after each reconnection sends again what was not acknowledged, in order (MQTT-4.4.0-1). */
export class Publisher {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: 1 | 2;
  readonly #fail: (what: string) => void;
  readonly #inFlight = new Map<number, InFlight>();
  #link: Link | undefined;
  #lastPacketId = 0;
  #published = 0;
  #acknowledged = 0;
  #isEnding = false;

  constructor(
    clientId: string,
    { qos, fail }: { readonly qos: 1 | 2; readonly fail: (what: string) => void },
  ) {
    this.clientId = clientId;
    this.topic = `t/${clientId}`;
    this.qos = qos;
    this.#fail = fail;
  }

  get published(): number {
    return this.#published;
  }

  /** Those for which PUBACK or PUBREC came. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get isDone(): boolean {
    return this.#isEnding && this.#inFlight.size === 0;
  }

  async connect(port: number): Promise<void> {
    const { clientId } = this;
    this.#link = await Link.open({ port, clientId, receive: (packet, link) => this.#receive(packet, link) });
    if (this.#acknowledged > 0 && !this.#link.sessionPresent) this.#fail(`${clientId}: its session is lost`);
    for (const [packetId, { number, isReleased }] of this.#inFlight) {
      if (isReleased) this.#link.send(release(packetId));
      else this.#publish(number, { packetId, dup: true });
    }
    this.#pump();
  }

  /** Publishes nothing new. */
  end(): void {
    this.#isEnding = true;
  }

  async disconnect(): Promise<void> {
    await this.#link?.end();
  }

  #receive(packet: Packet, link: Link): void {
    if (packet.kind !== 'puback' && packet.kind !== 'pubrec' && packet.kind !== 'pubcomp') {
      this.#fail(`${this.clientId}: was sent ${packet.kind}`);
      return;
    }
    const { packetId, kind, reasonCode } = packet;
    // "Packet identifier not found" is no error during recovery (MQTT 5 section 3.7.2.1): its PUBCOMP was lost.
    const isRecovery = kind === 'pubcomp' && reasonCode === 0x92;
    if (reasonCode >= 0x80 && !isRecovery) this.#fail(`${this.clientId}: ${kind}, reason code ${reasonCode}`);
    const message = this.#inFlight.get(packetId);
    if (kind === 'pubrec') {
      if (message?.isReleased === false) this.#acknowledged++;
      if (message !== undefined) message.isReleased = true;
      link.send(release(packetId));
    } else {
      if (kind === 'puback') this.#acknowledged++;
      this.#inFlight.delete(packetId);
      this.#pump();
    }
  }

  #pump(): void {
    while (!this.#isEnding && this.#inFlight.size < inFlightMax) {
      const packetId = this.#freePacketId();
      const number = ++this.#published;
      this.#inFlight.set(packetId, { number, isReleased: false });
      this.#publish(number, { packetId, dup: false });
    }
  }

  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % packetIds) + 1;
    while (this.#inFlight.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #publish(number: number, { packetId, dup }: { readonly packetId: number; readonly dup: boolean }): void {
    const { topic, qos } = this;
    const payload = Buffer.from(String(number));
    this.#link?.send({ kind: 'publish', topic, payload, qos, dup, retain: false, packetId, properties: {} });
  }
}

function release(packetId: number): Packet {
  return { kind: 'pubrel', packetId, reasonCode: 0, properties: {} };
}
