import type { MemoryStream } from '../../fuzz/live/memory-stream.ts';
import { encodePacket, type Packet, PacketReader } from '../../src/index.ts';

/** What the world of the model gives a client: a stream to the broker that runs now. */
export type Dial = (onSent: (chunk: Buffer) => void) => MemoryStream;

/**
 * A client that keeps its own session to the letter (MQTT-4.4.0-1): it connects with a clean start of 0 and survives every loss of
 * its connection. It handles a packet only when it is told to, so that answers may be late.
 */
export abstract class CarefulClient {
  readonly id: string;
  readonly version: 4 | 5;
  #stream: MemoryStream | undefined;
  readonly #inbox: Packet[] = [];
  isAccepted = false;

  constructor(id: string, version: 4 | 5) {
    this.id = id;
    this.version = version;
  }

  connect(dial: Dial): void {
    this.cut();
    const reader = new PacketReader({ packetBytesMax: 1024 * 1024, version: this.version });
    this.#inbox.length = 0;
    const stream = dial((chunk) => {
      if (this.#stream === stream) this.#inbox.push(...reader.read(chunk));
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      if (this.#stream === stream) this.lost();
    });
    this.#stream = stream;
    const properties = this.version === 5 ? { sessionExpiryInterval: 0xffff_ffff } : {};
    this.send({
      kind: 'connect',
      protocolVersion: this.version,
      clientId: this.id,
      cleanStart: false,
      keepAliveSeconds: 0,
      properties,
    });
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  toString(): string {
    const connected = this.isAccepted ? 'connected' : this.isConnected ? 'connecting' : 'away';
    return `${this.id} is ${connected}`;
  }

  get hasWork(): boolean {
    return this.#inbox.length > 0;
  }

  cut(): void {
    const stream = this.#stream;
    this.lost();
    stream?.destroy();
  }

  lost(): void {
    this.#stream = undefined;
    this.#inbox.length = 0;
    this.isAccepted = false;
  }

  /** Handles up to `count` of the packets that came. */
  work(count: number): void {
    for (let done = 0; done < count; done++) {
      const packet = this.#inbox.shift();
      if (packet === undefined) return;
      if (packet.kind === 'connack') {
        this.isAccepted = true;
        this.accepted(packet.sessionPresent);
      } else this.handle(packet);
    }
  }

  send(packet: Packet): void {
    this.#stream?.receive(encodePacket(packet, this.version));
  }

  acknowledge(kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): void {
    this.send({ kind, packetId, reasonCode: 0, properties: {} });
  }

  protected abstract accepted(sessionPresent: boolean): void;
  protected abstract handle(packet: Packet): void;
}
