import {
  assertTopicName,
  type ConnackPacket,
  encodePacket,
  isFailure,
  MqttError,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type PublishPacket,
  REASON,
  type ReasonCode,
} from '@fleetward/mqtt/codec';
import { DeviceError } from '../errors.ts';
import { reasonText } from './loss.ts';

export interface Publication {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties: Properties;
}

export interface SessionOptions {
  /** QoS 1 publications that wait for a connection or for the server's receive maximum; more are refused. */
  readonly waitingMax: number;
  /** Messages with QoS 1 that the server may send before the first of them is acknowledged. */
  readonly receiveMax: number;
  /** What becomes of a message; it is acknowledged when the promise is settled. */
  readonly deliver: (message: PublishPacket) => Promise<void> | undefined;
  /** A message with QoS 0 came while `receiveMax` of them are not done yet: it is let go, as the sender of such a message allows. */
  readonly dropped: (topic: string) => void;
}

interface Owed {
  readonly publication: Publication;
  readonly outcome: PromiseWithResolvers<void>;
  packetId: number;
  /** It was sent in the session that the server still has. */
  isRepeat: boolean;
}

/** One accepted connection. */
interface Peer {
  readonly connack: ConnackPacket;
  /** False: too much waits to be written, and this was not taken; `drained` is called when it may be. */
  send(bytes: Buffer): boolean;
}

const packetIdMax = 0xffff;

/**
 * The client's half of an MQTT 5 session, without I/O: it outlives connections (MQTT5-4.1.0-1). What was published with QoS 1 and not
 * acknowledged is sent again in its order (MQTT5-4.4.0-1), never more at once than the server takes (MQTT5-3.3.4-9).
 */
export class ClientSession {
  readonly #options: SessionOptions;
  readonly #inFlight = new Map<number, Owed>();
  #waiting: Owed[] = [];
  /** SUBSCRIBE and UNSUBSCRIBE of this connection, and those of them that it has not taken yet. */
  readonly #asked = new Map<number, PromiseWithResolvers<ReasonCode>>();
  #unsent: Buffer[] = [];
  /** Messages with QoS 0 that are being delivered, of this connection and of those before. */
  #unacknowledged = 0;
  #acknowledgements: { readonly packetId: number; isDue: boolean }[] = [];
  #peer: Peer | undefined;
  #lastId = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Publications with QoS 1 that are not acknowledged. */
  get pending(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  /** The publication of this connection that waits longest for its acknowledgement: the same as long as it does. */
  get oldestInFlight(): object | undefined {
    return this.#inFlight.values().next().value;
  }

  opened(peer: Peer): void {
    const { sessionPresent } = peer.connack;
    this.#peer = peer;
    this.#waiting.unshift(...this.#inFlight.values());
    this.#inFlight.clear();
    for (const owed of this.#waiting) owed.isRepeat &&= sessionPresent;
    this.#pump();
  }

  /** The connection takes again what it did not. */
  drained(): void {
    this.#acknowledge();
    while (this.#unsent[0] !== undefined && this.#peer?.send(this.#unsent[0])) this.#unsent.shift();
    this.#pump();
  }

  lost(): void {
    this.#peer = undefined;
    this.#acknowledgements = [];
    this.#unsent = [];
    const gone = new DeviceError('device.not_connected', 'the connection ended before the answer came');
    for (const asked of this.#asked.values()) asked.reject(gone);
    this.#asked.clear();
  }

  /** Nothing will be sent any more. */
  abandon(error: Error): void {
    this.lost();
    for (const owed of [...this.#inFlight.values(), ...this.#waiting]) owed.outcome.reject(error);
    this.#inFlight.clear();
    this.#waiting = [];
  }

  /** QoS 0 resolves when it is written, QoS 1 when it is acknowledged, over as many connections as it takes. */
  publish(publication: Publication, signal?: AbortSignal): Promise<void> {
    assertTopicName(publication.topic);
    signal?.throwIfAborted();
    if (publication.qos === 0) return this.#publishOnce(publication);
    if (this.#waiting.length >= this.#options.waitingMax)
      throw new DeviceError('device.queue_full', `${this.#waiting.length} publications wait already`);
    const owed: Owed = { publication, outcome: Promise.withResolvers(), packetId: 0, isRepeat: false };
    this.#waiting.push(owed);
    this.#pump();
    return signal === undefined ? owed.outcome.promise : this.#untilAborted(owed, signal);
  }

  /** One SUBSCRIBE or UNSUBSCRIBE with one filter; rejects when the connection ends first. */
  ask(
    question:
      | { readonly kind: 'subscribe'; readonly filter: string; readonly qos: 0 | 1 }
      | { readonly kind: 'unsubscribe'; readonly filter: string },
  ): Promise<ReasonCode> {
    const answer = Promise.withResolvers<ReasonCode>();
    if (this.#peer === undefined) throw new DeviceError('device.not_connected', 'there is no connection');
    const packetId = this.#freeId();
    this.#asked.set(packetId, answer);
    const bytes = encodePacket(packetOf(question, packetId), 5);
    if (!this.#peer.send(bytes)) this.#unsent.push(bytes);
    return answer.promise;
  }

  /** A packet of this connection. Throws `MqttError` when the server may not send it. */
  receive(packet: Packet): void {
    switch (packet.kind) {
      case 'publish':
        this.#received(packet);
        break;
      case 'puback':
        this.#acknowledged(packet.packetId, packet.reasonCode, packet.properties);
        break;
      case 'suback':
      case 'unsuback':
        this.#answered(packet.packetId, packet.reasonCodes);
        break;
      case 'pingresp':
        break;
      default:
        throw outOfPlace(`a ${packet.kind} packet is not expected from a server here`);
    }
  }

  async #publishOnce(publication: Publication): Promise<void> {
    if (this.#peer === undefined)
      throw new DeviceError('device.not_connected', 'a publication with QoS 0 needs a connection');
    const bytes = this.#encode({ publication, packetId: undefined, isRepeat: false }, this.#peer);
    if (!this.#peer.send(bytes))
      throw new DeviceError('device.queue_full', 'the connection is slower than what is published');
  }

  async #untilAborted(owed: Owed, signal: AbortSignal): Promise<void> {
    const give = () => {
      // Once sent it stays owed to the server; only nobody waits for it.
      this.#waiting = this.#waiting.filter((other) => other !== owed || owed.packetId !== 0);
      owed.outcome.reject(signal.reason);
    };
    signal.addEventListener('abort', give, { once: true });
    try {
      await owed.outcome.promise;
    } finally {
      signal.removeEventListener('abort', give);
    }
  }

  #pump(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const receiveMaximum = peer.connack.properties.receiveMaximum ?? packetIdMax;
    while (this.#inFlight.size < receiveMaximum) {
      const owed = this.#waiting.shift();
      if (owed === undefined) return;
      try {
        if (owed.packetId === 0) owed.packetId = this.#freeId();
        if (!peer.send(this.#encode(owed, peer))) {
          this.#waiting.unshift(owed);
          return;
        }
        this.#inFlight.set(owed.packetId, owed);
        owed.isRepeat = true;
      } catch (error) {
        owed.outcome.reject(error);
      }
    }
  }

  /** Holds a publication to what the server said it takes (MQTT5-3.2.2-11, -14, -15). */
  #encode(
    {
      publication,
      packetId,
      isRepeat,
    }: {
      readonly publication: Publication;
      readonly packetId: number | undefined;
      readonly isRepeat: boolean;
    },
    { connack }: Peer,
  ): Buffer {
    const {
      maximumQos = 2,
      retainAvailable = true,
      maximumPacketSize = Number.POSITIVE_INFINITY,
    } = connack.properties;
    if (publication.qos > maximumQos) throw refusal(REASON.qosNotSupported);
    if (publication.retain && !retainAvailable) throw refusal(REASON.retainNotSupported);
    const id = packetId === undefined ? {} : { packetId };
    const bytes = encodePacket({ kind: 'publish', ...publication, dup: isRepeat, ...id }, 5);
    if (bytes.length > maximumPacketSize) throw refusal(REASON.packetTooLarge);
    return bytes;
  }

  #freeId(): number {
    do this.#lastId = (this.#lastId % packetIdMax) + 1;
    while (this.#isTaken(this.#lastId));
    return this.#lastId;
  }

  #isTaken(packetId: number): boolean {
    return (
      this.#inFlight.has(packetId) ||
      this.#asked.has(packetId) ||
      this.#waiting.some((owed) => owed.packetId === packetId)
    );
  }

  #acknowledged(packetId: number, reasonCode: ReasonCode, { reasonString }: Properties): void {
    const owed = this.#inFlight.get(packetId);
    if (owed === undefined) return;
    this.#inFlight.delete(packetId);
    if (isFailure(reasonCode)) owed.outcome.reject(refusal(reasonCode, reasonString));
    else owed.outcome.resolve();
    this.#pump();
  }

  #answered(packetId: number, [reasonCode = REASON.unspecifiedError]: readonly ReasonCode[]): void {
    this.#asked.get(packetId)?.resolve(reasonCode);
    this.#asked.delete(packetId);
  }

  #received(packet: PublishPacket): void {
    // Aliases were not offered and no subscription asks for QoS 2.
    if (packet.topic === '' || packet.qos === 2) throw outOfPlace('a message with a topic alias or QoS 2');
    // Else a server could give the handlers more to hold than the device has room for (MQTT5-3.3.4-7).
    if (packet.qos === 1 && this.#acknowledgements.length >= this.#options.receiveMax) throw tooMany();
    if (packet.qos === 0) this.#receivedOnce(packet);
    else this.#receivedToAcknowledge(packet);
  }

  #receivedOnce(packet: PublishPacket): void {
    if (this.#unacknowledged >= this.#options.receiveMax) {
      this.#options.dropped(packet.topic);
      return;
    }
    const done = this.#options.deliver(packet);
    if (done === undefined) return;
    this.#unacknowledged++;
    void done.then(() => this.#unacknowledged--);
  }

  #receivedToAcknowledge(packet: PublishPacket): void {
    const done = this.#options.deliver(packet);
    const acknowledgement = { packetId: packet.packetId!, isDue: done === undefined }; // the decoder has seen to it
    this.#acknowledgements.push(acknowledgement);
    const peer = this.#peer;
    void done?.then(() => {
      acknowledgement.isDue = true;
      if (this.#peer === peer) this.#acknowledge();
    });
    this.#acknowledge();
  }

  /** In the order in which the messages came (MQTT5-4.6.0-2). */
  #acknowledge(): void {
    for (let next = this.#acknowledgements[0]; next?.isDue; next = this.#acknowledgements[0]) {
      const { packetId } = next;
      const bytes = encodePacket({ kind: 'puback', packetId, reasonCode: 0, properties: NO_PROPERTIES }, 5);
      if (!this.#peer?.send(bytes)) return;
      this.#acknowledgements.shift();
    }
  }
}

function packetOf(question: Parameters<ClientSession['ask']>[0], packetId: number): Packet {
  const common = { packetId, properties: NO_PROPERTIES };
  if (question.kind === 'unsubscribe') return { kind: 'unsubscribe', ...common, filters: [question.filter] };
  // Retained messages only where the subscription is new: a renewed one has had them.
  const { filter, qos } = question;
  const request = { filter, qos, noLocal: false, retainAsPublished: true, retainHandling: 1 } as const;
  return { kind: 'subscribe', ...common, subscriptions: [request] };
}

/** `details.reasonCode` is MQTT's. */
export function refusal(reasonCode: ReasonCode, reasonString?: string): DeviceError {
  const said = reasonText({ reasonCode, ...(reasonString !== undefined && { reasonString }) });
  return new DeviceError('device.refused', `the server refuses it: ${said}`, { details: { reasonCode } });
}

function outOfPlace(message: string): MqttError {
  return new MqttError('mqtt.protocol_error', message, { reasonCode: REASON.protocolError });
}

function tooMany(): MqttError {
  return new MqttError('mqtt.protocol_error', 'more messages with QoS 1 at once than the receive maximum', {
    reasonCode: REASON.receiveMaximumExceeded,
  });
}
