import { protocolError } from '../errors.ts';
import { isFailure, REASON, type ReasonCode } from '../reason-codes.ts';
import { type Delivery, packetIdOf } from '../session/delivery-queue.ts';
import type { KeptMessage } from '../session/kept-message.ts';
import type { ClientForm } from './client-form.ts';
import { mayReceive } from './guarded-access.ts';
import type { DeliveryHost, Target } from './host.ts';
import type { Waiter } from './journal.ts';
import { type OutgoingMessage, packetIdOffset, setMessageExpiry } from './message.ts';
import { OutboundAliases } from './outbound-aliases.ts';
import type { Outlet } from './outlet.ts';
import type { Owed } from './owed.ts';

interface DeliveriesOptions {
  readonly host: DeliveryHost;
  readonly form: ClientForm;
  readonly target: Target;
}

/** Messages to one connected client: QoS 0 at once or dropped, QoS 1 and 2 from what its session is owed, within a window. */
export class Deliveries implements Waiter {
  readonly #outlet: Outlet;
  readonly #host: DeliveryHost;
  readonly #target: Target;
  readonly #form: ClientForm;
  readonly #aliases: OutboundAliases | undefined;
  #owed: Owed | undefined;
  /** The `seq` that comes next on this connection: those before were sent on it, or are finished. */
  #next = 1;
  #inFlight = 0;
  #isDropping = false;
  #isDraining = false;
  /** Was just added and is decided; its message is in `#freshMessage`. */
  #fresh: Delivery | undefined;
  #freshMessage: OutgoingMessage | undefined;
  waitsFor = 0;

  constructor(outlet: Outlet, { host, form, target }: DeliveriesOptions) {
    this.#outlet = outlet;
    this.#host = host;
    this.#form = form;
    const { topicAliasMax: aliasMax, packetBytesMax } = form;
    this.#aliases = aliasMax === 0 ? undefined : new OutboundAliases({ aliasMax, packetBytesMax });
    this.#target = target;
  }

  /** Sends again what an earlier connection did not finish, in order, then what came since (MQTT-4.4.0-1, MQTT-4.6.0-1, -5). */
  resume(owed: Owed): void {
    this.#owed = owed;
    this.#next = owed.queue.firstSeq;
    for (const delivery of owed.queue) delivery.isInFlight = false; // the window is the connection's (section 4.9)
    this.drain();
  }

  /** The connection is over, be it in the middle of sending: what is owed is not its any more. */
  stop(): void {
    this.#owed = undefined;
  }

  sendNow(message: OutgoingMessage, identifiers: readonly number[]): boolean {
    const { version } = this.#form;
    const frame = identifiers.length === 0 ? message.verbatim(version) : undefined;
    if (frame !== undefined && message.isForOne && this.#aliases === undefined) {
      if (!this.#hasRoom(frame.end - frame.start)) return false;
      this.#outlet.outbox.pass(frame.bytes, frame.start, frame.end);
    } else {
      const packet = message.packet(version, 0, identifiers);
      if (!this.#hasRoom(packet.length)) return false;
      this.#outlet.outbox.share(this.#aliases?.apply(packet) ?? packet);
    }
    this.#target.touch();
    this.#host.metrics.messagesSent++;
    return true;
  }

  /** Sends one that is in the queue since just now, when its turn has come. */
  sendFresh(delivery: Delivery, message: OutgoingMessage): void {
    this.#fresh = delivery;
    this.#freshMessage = message;
    this.drain();
    this.#fresh = undefined;
    this.#freshMessage = undefined;
  }

  /** For a session that ends with this connection: what can be sent now is not kept; false when it is neither. */
  sendOrKeep(message: OutgoingMessage, qos: 1 | 2, identifiers: readonly number[]): boolean {
    const owed = this.#owed;
    if (owed === undefined) return false;
    const packet = message.packet(this.#form.version, 1, identifiers);
    if (this.#isTooLarge(packet)) return false;
    const { retain, shareName } = message;
    if (this.#next > owed.queue.lastSeq && this.#maySend(owed.queue.lastSeq + 1, packet)) {
      const kept = qos === 1 && shareName !== undefined ? this.#keep(message) : undefined; // for another member, if need be
      this.#send(
        owed.queue.push({ qos, retain, shareName, identifiers, message: kept, batch: 0 }),
        packet,
        0,
      );
      this.#next++;
      return true;
    }
    const { pendingMessagesMax, pendingBytesMax } = this.#host.limits;
    const waiting = owed.queue.lastSeq - this.#next + 1;
    if (waiting < pendingMessagesMax && owed.queue.bytes + packet.length <= pendingBytesMax) {
      owed.add(this.#keep(message), { qos, retain, shareName, identifiers });
      return true;
    }
    // It must not lose QoS 1 in silence, and the publishers must not wait for it.
    this.#target.limited('pendingMessagesMax');
    this.#target.cutSlowConsumer();
    return false;
  }

  /** Whether what is not urgent may be sent: half of the bytes are free, and the window. */
  get hasRoom(): boolean {
    if (2 * this.#outlet.bufferedBytes > this.#host.limits.outgoingBytesMax) return false;
    if (this.#owed?.hasSpareRoom(0) === false) return false;
    return this.#next > (this.#owed?.queue.lastSeq ?? 0) && this.#inFlight < this.#form.receiveMaximum;
  }

  /** PUBACK. An acknowledgement of nothing is ignored (MQTT 5 section 4.3.2 names no answer). */
  acknowledged(packetId: number): void {
    const delivery = this.#sent(packetId);
    if (delivery?.qos === 2) throw protocolError('a PUBACK answers a message with QoS 2');
    if (delivery === undefined) this.#target.unasked();
    else this.#finish(delivery);
  }

  /** PUBREC: the reason code for PUBREL; undefined: the client refused the message, and it is over (MQTT5-4.3.3-4). */
  received(packetId: number, reasonCode: ReasonCode): ReasonCode | undefined {
    const delivery = this.#sent(packetId);
    if (delivery !== undefined && delivery.qos !== 2)
      throw protocolError('a PUBREC answers a message with QoS 1');
    if (delivery === undefined || delivery.isReleased) this.#target.unasked();
    if (isFailure(reasonCode)) {
      if (delivery !== undefined) this.#finish(delivery);
      return undefined;
    }
    if (delivery === undefined) return REASON.packetIdentifierNotFound;
    if (!delivery.isReleased) this.#owed?.release(delivery);
    return REASON.success;
  }

  /** PUBCOMP. */
  completed(packetId: number): void {
    const delivery = this.#sent(packetId);
    if (delivery?.isReleased === true) this.#finish(delivery);
    else this.#target.unasked();
  }

  /** The socket took what it was given. */
  written(): void {
    this.#isDropping = false;
    this.drain();
  }

  durable(): void {
    this.#target.deliverMore();
  }

  #sent(packetId: number): Delivery | undefined {
    const delivery = this.#owed?.queue.withPacketId(packetId);
    return delivery?.isSent === true ? delivery : undefined;
  }

  #finish(delivery: Delivery): void {
    if (delivery.isInFlight) this.#inFlight--;
    this.#owed?.finish(delivery);
    this.drain();
  }

  #hasRoom(length: number): boolean {
    if (length > this.#form.packetBytesMax) {
      this.#host.metrics.messagesTooLarge++; // MQTT5-3.1.2-24, -25: as if it had been sent
      return false;
    }
    if (this.#outlet.bufferedBytes + length <= this.#host.limits.outgoingBytesMax) return true;
    this.#host.metrics.messagesDropped++;
    if (!this.#isDropping) this.#target.limited('outgoingBytesMax');
    this.#isDropping = true;
    return false;
  }

  #keep(message: OutgoingMessage): KeptMessage {
    return message.keep(this.#host.messages.bytes, this.#host.nowMs());
  }

  #isTooLarge(packet: Buffer): boolean {
    if (packet.length <= this.#form.packetBytesMax) return false;
    this.#host.metrics.messagesTooLarge++;
    return true;
  }

  #maySend(seq: number, packet: Buffer): boolean {
    if (this.#inFlight >= this.#form.receiveMaximum || this.#owed?.queue.isInSpan(seq) !== true) return false;
    const { bufferedBytes } = this.#outlet;
    return bufferedBytes === 0 || bufferedBytes + packet.length <= this.#host.limits.outgoingBytesMax;
  }

  /** Sends what may be sent. Not within itself: what it sends may cut the connection, whose will may come back to this session. */
  drain(): void {
    const queue = this.#owed?.queue;
    if (queue === undefined || this.#isDraining) return;
    this.#isDraining = true;
    if (this.#next < queue.firstSeq) this.#next = queue.firstSeq;
    while (this.#owed !== undefined && this.#next <= queue.lastSeq) {
      const delivery = queue.at(this.#next);
      if (delivery !== undefined && !this.#advance(delivery)) break;
      this.#next++;
    }
    this.#isDraining = false;
  }

  /** False when it must wait, and so must all behind it. */
  #advance(delivery: Delivery): boolean {
    const { journal } = this.#host;
    // A QoS 2 message that a crash could make unknown again would come twice.
    if (delivery.qos === 2 && !journal.isDurable(delivery.batch)) {
      journal.wait(this, delivery.batch);
      return false;
    }
    if (delivery.isReleased) {
      this.#target.sendPubrel(packetIdOf(delivery.seq));
      return true;
    }
    const { message } = delivery;
    if (message === undefined || !this.#isWanted(delivery, message)) return true;
    const packet = this.#packetOf(delivery, message);
    if (this.#isTooLarge(packet)) {
      this.#owed?.finish(delivery);
      return true;
    }
    if (!this.#maySend(delivery.seq, packet)) return false;
    this.#send(delivery, packet, message.expiresAtMs);
    const { shareName, qos } = delivery;
    if (this.#owed?.isDurable === false && (qos === 2 || shareName === undefined))
      this.#owed.queue.forgetMessage(delivery);
    return true;
  }

  /** Decided when it is sent: it may have expired, and the policy may have changed, since it was added. */
  #isWanted(delivery: Delivery, message: KeptMessage): boolean {
    if (delivery === this.#fresh) return true;
    if (this.#owed?.keepsWaiting(delivery, this.#host.nowMs()) !== true) return false;
    if (mayReceive(this.#target.access, message.topic, delivery.shareName)) return true;
    this.#host.metrics.messagesWithheld++;
    this.#owed.finish(delivery);
    return false;
  }

  #packetOf(delivery: Delivery, kept: KeptMessage): Buffer {
    const { version } = this.#form;
    const message = delivery === this.#fresh ? this.#freshMessage : undefined;
    return message === undefined
      ? this.#host.encoder.packet(kept, version, delivery.identifiers)
      : message.packet(version, 1, delivery.identifiers);
  }

  #send(delivery: Delivery, whole: Buffer, expiresAtMs: number): void {
    const packet = this.#aliases?.apply(whole) ?? whole;
    const outbox = this.#outlet.outbox;
    const chunk = outbox.copy(packet, 0, packet.length);
    const at = outbox.stagedBytes - packet.length;
    // MQTT-3.3.1-1: DUP from the second time on.
    chunk[at] = 0x30 | (delivery.isSent ? 8 : 0) | (delivery.qos << 1) | (delivery.retain ? 1 : 0);
    chunk.writeUInt16BE(packetIdOf(delivery.seq), at + packetIdOffset(packet));
    if (expiresAtMs !== 0 && delivery !== this.#fresh && this.#form.version === 5)
      setMessageExpiry(chunk, at, Math.max(0, Math.ceil((expiresAtMs - this.#host.nowMs()) / 1000)));
    delivery.isSent = true;
    delivery.isDoubtful = false;
    delivery.isInFlight = true;
    this.#inFlight++;
    this.#target.touch();
    this.#host.metrics.messagesSent++;
  }
}
