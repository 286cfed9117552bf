import type { Duplex } from 'node:stream';
import { FrameReader, type FrameSink } from '../codec/frame-reader.ts';
import { PACKET } from '../codec/packet-type.ts';
import type { Journal, Waiter } from './journal.ts';
import type { BrokerLimits } from './limits.ts';
import type { OwnerPace, OwnerPaces, TurnTaker } from './owner-pace.ts';
import { type Pause, ReadPace } from './read-pace.ts';

/** Why a connection is not read: more than one may hold. */
export const HOLD = { deciding: 1, rate: 2, disk: 4, turn: 8 } as const;
type Hold = (typeof HOLD)[keyof typeof HOLD];

/** What ends a read in the middle of a chunk. */
const STOPS = HOLD.disk | HOLD.turn;

/** Who gets the packets. */
export interface IntakeOwner {
  readonly isClosed: boolean;
  /** One whole packet; false: no further one, for now or for ever. */
  receive(bytes: Buffer, start: number, bodyStart: number, end: number): boolean;
  /** What came is no packet. */
  failed(error: unknown): void;
  /** Something of ours threw. */
  fault(error: unknown): void;
  paused(pause: Pause): void;
}

interface IntakeHost {
  readonly limits: BrokerLimits;
  readonly journal: Journal;
  readonly paces: OwnerPaces;
  nowMs(): number;
}

/** The reading half of a connection: whole packets, and no more than its rate, its owner's turn, a decision and the disk allow. */
export class Intake implements FrameSink, Waiter, TurnTaker {
  readonly #owner: IntakeOwner;
  readonly #host: IntakeHost;
  readonly #reader: FrameReader;
  readonly #pace: ReadPace;
  /** From an accepted CONNECT to the end. */
  #ownerPace: OwnerPace | undefined;
  #stream: Duplex | undefined;
  #held: Buffer | undefined;
  #holds = 0;
  #packetsRead = 0;
  #hasReadPacket = false;
  #lastPacketMs: number;
  /** When the packet that has not ended yet began; 0: there is none. */
  #packetSinceMs = 0;
  waitsFor = 0;

  constructor(stream: Duplex, { owner, host }: { readonly owner: IntakeOwner; readonly host: IntakeHost }) {
    const nowMs = host.nowMs();
    this.#stream = stream;
    this.#owner = owner;
    this.#host = host;
    this.#reader = new FrameReader({ packetBytesMax: host.limits.packetBytesMax });
    this.#pace = new ReadPace(host.limits, nowMs);
    this.#lastPacketMs = nowMs;
  }

  /** When the last whole packet came, or reading began again: what came meanwhile was not looked at. */
  get lastPacketMs(): number {
    return this.#lastPacketMs;
  }

  get isHeld(): boolean {
    return this.#holds !== 0;
  }

  /** Since when the packet that has not ended is under way; 0: there is none. */
  get packetSinceMs(): number {
    return this.#packetSinceMs;
  }

  /** Its CONNECT is accepted: it is read in turn with the other connections of its owner, and has its rates with them. */
  join(owner: string): void {
    this.#ownerPace = this.#host.paces.join(owner);
    this.#pace.join(this.#ownerPace);
  }

  /** A stream that was paused may still bring what it had decrypted by then. */
  received(chunk: Buffer): void {
    this.#heedTurn();
    if (this.#held !== undefined) this.#held = Buffer.concat([this.#held, chunk]);
    else if (this.isHeld) this.#held = chunk;
    else this.#read(chunk);
  }

  frame(bytes: Buffer, start: number, bodyStart: number, end: number): boolean {
    // Acknowledgements answer what we sent: their rate is ours, and those that do not are charged.
    const type = bytes[start]! >> 4;
    if (type < PACKET.puback || type > PACKET.pubcomp) this.#packetsRead++;
    this.#hasReadPacket = true;
    const mayRead = this.#owner.receive(bytes, start, bodyStart, end);
    if (this.#ownerPace?.handled(end - start) === true) this.#heedTurn();
    return mayRead && (this.#holds & STOPS) === 0;
  }

  /** The packet that is being handled counts after all. */
  charge(): void {
    this.#packetsRead++;
  }

  /** A message of that payload goes to so many: what all of them cost is limited to a rate. */
  copied(count: number, payloadBytes: number): void {
    this.#pace.delivered(count * (1 + (payloadBytes >> 10)));
    this.#ownerPace?.copied(count, payloadBytes);
  }

  takeTurn(): void {
    this.#releaseOrFault(HOLD.turn);
  }

  hold(reason: Hold): void {
    this.#holds |= reason;
    this.#stream?.pause();
  }

  /** Reads what was held back, and on, unless there is another reason not to. */
  release(reason: Hold): void {
    if ((this.#holds & reason) === 0) return;
    this.#holds &= ~reason;
    if (this.#holds !== 0 || this.#owner.isClosed) return;
    const nowMs = this.#host.nowMs();
    this.#lastPacketMs = nowMs;
    if (this.#packetSinceMs !== 0) this.#packetSinceMs = nowMs;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#read(held);
    if (!this.isHeld) this.#stream?.resume();
  }

  /** Reads no further before all that is on its way to the disk is there. */
  waitForDisk(): void {
    this.hold(HOLD.disk);
    this.#host.journal.wait(this, this.#host.journal.lastBatch);
  }

  durable(): void {
    if (this.#owner.isClosed) return;
    if (this.#host.journal.isFull) this.waitForDisk();
    else this.#releaseOrFault(HOLD.disk);
  }

  /** The connection is over: what still comes is dropped. */
  end(): void {
    this.#held = undefined;
    this.#reader.clear();
    if (this.#ownerPace !== undefined) this.#host.paces.leave(this.#ownerPace);
    this.#ownerPace = undefined;
  }

  letGo(): void {
    this.#stream = undefined;
  }

  /** Where so much was done for its owner that others come first, it waits behind those of the owner that wait already. */
  #heedTurn(): void {
    if (this.#ownerPace?.isTurnOver !== true || (this.#holds & HOLD.turn) !== 0) return;
    this.hold(HOLD.turn);
    this.#ownerPace.waitForTurn(this);
  }

  #releaseOrFault(reason: Hold): void {
    try {
      this.release(reason);
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  #read(chunk: Buffer): void {
    const nowMs = this.#host.nowMs();
    this.#packetsRead = 0;
    this.#hasReadPacket = false;
    let used = chunk.length;
    try {
      used = this.#reader.read(chunk, this);
      if (used < chunk.length && !this.#owner.isClosed) this.#held = chunk.subarray(used);
    } catch (error) {
      this.#owner.failed(error);
    }
    if (this.#hasReadPacket) this.#lastPacketMs = nowMs;
    if (this.#reader.pendingBytes === 0) this.#packetSinceMs = 0;
    else if (this.#hasReadPacket || this.#packetSinceMs === 0) this.#packetSinceMs = nowMs;
    if (!this.#owner.isClosed) this.#limitRate(used, nowMs);
  }

  #limitRate(bytes: number, nowMs: number): void {
    const pause = this.#pace.spend(this.#packetsRead, bytes, nowMs);
    if (pause === undefined) return;
    this.hold(HOLD.rate);
    this.#owner.paused(pause);
  }
}
