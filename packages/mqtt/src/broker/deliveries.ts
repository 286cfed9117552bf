import type { ConnectPacket } from '../codec/connect.ts';
import type { ProtocolVersion } from '../codec/packet-type.ts';
import { OutboundWindow } from '../session/outbound-window.ts';
import { type PendingMessage, PendingQueue } from '../session/pending-queue.ts';
import type { DeliveryHost, Target } from './host.ts';
import { type OutgoingMessage, packetIdOffset, setMessageExpiry } from './message.ts';
import type { Outlet } from './outlet.ts';

interface DeliveryOptions {
  readonly host: DeliveryHost;
  readonly packet: ConnectPacket;
  readonly target: Target;
}

/** Messages to one client: QoS 0 at once or dropped, QoS 1 through a window and a bounded queue before it. */
export class Deliveries {
  readonly #outlet: Outlet;
  readonly #host: DeliveryHost;
  readonly #target: Target;
  readonly #version: ProtocolVersion;
  readonly #packetBytesMax: number;
  readonly #receiveMaximum: number;
  #window: OutboundWindow | undefined;
  #pending: PendingQueue | undefined;
  #isDropping = false;

  constructor(outlet: Outlet, { host, packet, target }: DeliveryOptions) {
    this.#outlet = outlet;
    this.#host = host;
    this.#target = target;
    this.#version = packet.protocolVersion;
    this.#packetBytesMax = packet.properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    this.#receiveMaximum = Math.min(packet.properties.receiveMaximum ?? 0xffff, host.limits.inflightOutMax);
  }

  deliver(message: OutgoingMessage, qos: number, identifiers: readonly number[]): boolean {
    if (qos > 0) return this.#deliverQos1(message, identifiers);
    const frame = identifiers.length === 0 ? message.verbatim(this.#version) : undefined;
    if (frame !== undefined && message.isForOne) {
      if (!this.#hasRoom(frame.end - frame.start)) return false;
      this.#outlet.outbox.copy(frame.bytes, frame.start, frame.end);
    } else {
      const packet = message.packet(this.#version, 0, identifiers);
      if (!this.#hasRoom(packet.length)) return false;
      this.#outlet.outbox.share(packet);
    }
    this.#target.touch();
    this.#host.metrics.messagesSent++;
    return true;
  }

  /** Whether what is not urgent may be sent: half of the bytes are free, and the window. */
  get hasRoom(): boolean {
    if (2 * this.#outlet.bufferedBytes > this.#host.limits.outgoingBytesMax) return false;
    return (this.#pending?.size ?? 0) === 0 && this.#window?.isOpen !== false;
  }

  acknowledged(packetId: number): void {
    // An acknowledgement of nothing is ignored (MQTT 5 section 4.3.2 names no answer).
    if (this.#window?.release(packetId) === true) this.#drain();
  }

  /** The socket took what it was given. */
  written(): void {
    this.#isDropping = false;
    this.#drain();
  }

  #hasRoom(length: number): boolean {
    if (length > this.#packetBytesMax) {
      this.#host.metrics.messagesTooLarge++; // MQTT5-3.1.2-24, -25: as if it had been sent
      return false;
    }
    if (this.#outlet.bufferedBytes + length <= this.#host.limits.outgoingBytesMax) return true;
    this.#host.metrics.messagesDropped++;
    if (!this.#isDropping) this.#target.limited('outgoingBytesMax');
    this.#isDropping = true;
    return false;
  }

  #deliverQos1(message: OutgoingMessage, identifiers: readonly number[]): boolean {
    const packet = message.packet(this.#version, 1, identifiers);
    if (packet.length > this.#packetBytesMax) {
      this.#host.metrics.messagesTooLarge++;
      return false;
    }
    this.#window ??= new OutboundWindow({ receiveMaximum: this.#receiveMaximum });
    if (this.#maySend(packet)) {
      this.#send(packet, undefined);
      return true;
    }
    return this.#enqueue(packet, message.properties.messageExpiryInterval);
  }

  #maySend(packet: Buffer): boolean {
    const waiting = this.#pending?.size ?? 0;
    return waiting === 0 && this.#window?.isOpen === true && this.#fits(packet);
  }

  #fits(packet: Buffer): boolean {
    const bufferedBytes = this.#outlet.bufferedBytes;
    return bufferedBytes === 0 || bufferedBytes + packet.length <= this.#host.limits.outgoingBytesMax;
  }

  #enqueue(packet: Buffer, expirySeconds: number | undefined): boolean {
    const { pendingMessagesMax: messagesMax, pendingBytesMax: bytesMax } = this.#host.limits;
    this.#pending ??= new PendingQueue({ messagesMax, bytesMax });
    const expiresAtMs = expirySeconds === undefined ? 0 : this.#host.nowMs() + expirySeconds * 1000;
    if (this.#pending.push({ packet, expiresAtMs })) return true;
    // It must not lose QoS 1 in silence, and the publishers must not wait for it.
    this.#target.limited('pendingMessagesMax');
    this.#target.cutSlowConsumer();
    return false;
  }

  #drain(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    while (pending.size > 0 && this.#window?.isOpen === true && this.#fits(pending.peek().packet))
      this.#sendPending(pending.shift());
  }

  #sendPending({ packet, expiresAtMs }: PendingMessage): void {
    if (expiresAtMs === 0) {
      this.#send(packet, undefined);
      return;
    }
    const leftMs = expiresAtMs - this.#host.nowMs();
    if (leftMs > 0) this.#send(packet, Math.ceil(leftMs / 1000));
    else this.#host.metrics.messagesExpired++; // MQTT5-3.3.2-5
  }

  #send(packet: Buffer, expirySeconds: number | undefined): void {
    const packetId = this.#window?.take() ?? 0;
    const outbox = this.#outlet.outbox;
    const chunk = outbox.copy(packet, 0, packet.length);
    const at = outbox.stagedBytes - packet.length;
    chunk.writeUInt16BE(packetId, at + packetIdOffset(packet));
    if (expirySeconds !== undefined && this.#version === 5) setMessageExpiry(chunk, at, expirySeconds);
    this.#target.touch();
    this.#host.metrics.messagesSent++;
  }
}
