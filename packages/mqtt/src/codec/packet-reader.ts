import { FrameReader } from './frame-reader.ts';
import { decodePacket, type Packet } from './packet.ts';
import type { ProtocolVersion } from './packet-type.ts';

/** A stream of bytes to packets as objects, for clients, tools and tests. Follows the version of a CONNECT it sees. */
export class PacketReader {
  readonly #frames: FrameReader;
  #version: ProtocolVersion;

  constructor(options: { readonly packetBytesMax: number; readonly version: ProtocolVersion }) {
    this.#frames = new FrameReader(options);
    this.#version = options.version;
  }

  /** The packets that ended in this chunk. Throws `MqttError`; the reader is of no use afterwards. */
  read(chunk: Uint8Array): readonly Packet[] {
    const packets: Packet[] = [];
    this.#frames.read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), {
      frame: (bytes, start, bodyStart, end) => {
        const packet = decodePacket(bytes, { start, bodyStart, end, version: this.#version });
        if (packet.kind === 'connect') this.#version = packet.protocolVersion;
        packets.push(packet);
        return true;
      },
    });
    return packets;
  }
}
