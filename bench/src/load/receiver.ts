import type { Flow } from './flow.ts';

/** Counts what one subscriber gets and checks every byte of it: all packets of a workload have one length. */
export class Receiver {
  /** Flows it receives, by the key that `keyOf` reads out of a packet. */
  readonly #flows: readonly Flow[];
  readonly #keyOf: (bytes: Buffer, start: number) => number;
  readonly #counts: Float64Array;
  readonly #packetBytes: number;
  #partial: Buffer | undefined;
  messages = 0;

  constructor(flows: readonly Flow[], keyOf: (bytes: Buffer, start: number) => number) {
    this.#flows = flows;
    this.#keyOf = keyOf;
    this.#counts = new Float64Array(flows.length);
    this.#packetBytes = flows[0]!.packet.length;
  }

  read(chunk: Buffer): void {
    const bytes = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    const whole = Math.floor(bytes.length / this.#packetBytes);
    const end = whole * this.#packetBytes;
    this.#partial = end < bytes.length ? Buffer.from(bytes.subarray(end)) : undefined;
    this.messages += whole;
    if (this.#flows.length === 1) this.#readRun(bytes, end);
    else for (let at = 0; at < end; at += this.#packetBytes) this.#readOne(bytes, at);
  }

  #readRun(bytes: Buffer, end: number): void {
    const flow = this.#flows[0]!;
    assertSame(flow, bytes, { start: 0, end });
    this.#count(0, end / this.#packetBytes);
  }

  #readOne(bytes: Buffer, at: number): void {
    const index = this.#keyOf(bytes, at);
    const flow = this.#flows[index];
    if (flow === undefined) throw new Error('a packet arrived that nobody sent');
    assertSame(flow, bytes, { start: at, end: at + this.#packetBytes });
    this.#count(index, 1);
  }

  #count(index: number, messages: number): void {
    const before = this.#counts[index]!;
    this.#counts[index] = before + messages;
    this.#flows[index]!.delivered(before, before + messages);
  }
}

function assertSame(
  flow: Flow,
  bytes: Buffer,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  if (!flow.isSame(bytes, start, end)) throw new Error('a packet arrived that nobody sent');
}
