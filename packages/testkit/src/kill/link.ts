import { connect, type Socket } from 'node:net';
import { encodePacket, type Packet, PacketReader } from '@fleetward/mqtt';

type Connack = Extract<Packet, { kind: 'connack' }>;

export interface LinkOptions {
  readonly port: number;
  readonly clientId: string;
  /** Called also before `open` resolves: what follows CONNACK may be in the same chunk. */
  readonly receive: (packet: Packet, link: Link) => void;
}

const answerTimeoutMs = 20_000;
const forEver = 0xffff_ffff;

/** One connection of a client whose session outlives it. */
export class Link {
  readonly sessionPresent: boolean;
  readonly #socket: Socket;

  private constructor(socket: Socket, connack: Connack) {
    this.#socket = socket;
    this.sessionPresent = connack.sessionPresent;
  }

  /** Resolves with the CONNACK; what comes after it goes to `receive`. */
  static open({ port, clientId, receive }: LinkOptions): Promise<Link> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const reader = new PacketReader({ packetBytesMax: 1_000_000, version: 5 });
    let link: Link | undefined;
    return new Promise((resolve, reject) => {
      socket.setTimeout(answerTimeoutMs, () => socket.destroy());
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the broker closed the connection')));
      socket.on('data', (chunk: Buffer) => {
        for (const packet of reader.read(chunk)) {
          if (link !== undefined) receive(packet, link);
          else if (packet.kind === 'connack') {
            link = new Link(socket, packet);
            resolve(link);
          }
        }
      });
      socket.write(connectPacket(clientId));
    });
  }

  /** What is sent after the end is lost, as on any network. */
  send(packet: Packet): void {
    if (this.#socket.writable) this.#socket.write(encodePacket(packet, 5));
  }

  /** Ends without DISCONNECT. */
  async end(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.destroy();
    await closed;
  }
}

function connectPacket(clientId: string): Buffer {
  const properties = { sessionExpiryInterval: forEver };
  return encodePacket(
    { kind: 'connect', protocolVersion: 5, clientId, cleanStart: false, keepAliveSeconds: 0, properties },
    5,
  );
}
