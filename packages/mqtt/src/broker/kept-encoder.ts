import type { ProtocolVersion } from '../codec/packet-type.ts';
import { PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { bodyStart, type KeptMessage } from '../session/kept-message.ts';
import { OutgoingMessage } from './message.ts';

/** Makes of a message that waited the packet that one client gets. */
export class KeptEncoder {
  readonly #frame = new PublishFrame();
  readonly #message = new OutgoingMessage();

  /** As `OutgoingMessage.packet` with QoS 1. */
  packet(kept: KeptMessage, version: ProtocolVersion, identifiers: readonly number[]): Buffer {
    const frame = this.#frame;
    const { packet } = kept;
    readPublish(frame, packet, 0, bodyStart(packet), packet.length, 5);
    this.#message.setFrame(frame, packet.subarray(frame.topicStart, frame.topicEnd));
    return this.#message.packet(version, 1, identifiers);
  }
}
