import type { Stream } from '../workloads.ts';
import { topicStart } from './messages.ts';

/** One stream under way: writes the next batch when every receiver has a batch, so that at most `window` are under way. */
export class Flow {
  readonly packet: Buffer;
  /** What it sends, many times over: one comparison for all that arrives at once. Undefined when messages differ. */
  readonly #run: Buffer | undefined;
  /** From and to, in the packet. */
  readonly #counter: readonly number[];
  readonly #write: () => void;
  readonly #batch: number;
  readonly #window: number;
  readonly #receivers: number;
  /** How many receivers have each batch under way. */
  readonly #arrived: Int32Array;
  #sent = 0;
  #complete = 0;
  #isEnding = false;

  constructor(stream: Stream, options: { readonly packet: Buffer; readonly write: (bytes: Buffer) => void }) {
    const { packet, write } = options;
    const bytes = Buffer.concat(Array.from({ length: stream.batch }, () => packet));
    this.packet = packet;
    this.#run = stream.counter === undefined ? repeated(packet) : undefined;
    this.#counter = stream.counter?.map((at) => topicStart(packet, 0) + at) ?? [];
    this.#write = () => write(stream.counter === undefined ? bytes : this.#counted());
    this.#batch = stream.batch;
    this.#window = stream.window;
    this.#receivers = stream.receivers.length;
    this.#arrived = new Int32Array(stream.window);
  }

  /** Messages that were sent and that some receiver does not have yet. */
  get missing(): number {
    return (this.#sent - this.#complete) * this.#batch;
  }

  start(): void {
    this.#fill();
  }

  /** Writes nothing more. */
  end(): void {
    this.#isEnding = true;
  }

  /** Whether the bytes from `start` to `end` are messages of this stream and nothing else, whatever their counters say. */
  isSame(bytes: Buffer, start: number, end: number): boolean {
    const run = this.#run;
    const step = run === undefined ? this.packet.length : run.length;
    for (let at = start; at < end; at += step) {
      const isSame =
        run === undefined
          ? this.#isCounted(bytes, at)
          : bytes.compare(run, 0, Math.min(step, end - at), at, Math.min(at + step, end)) === 0;
      if (!isSame) return false;
    }
    return true;
  }

  /** A receiver that had `before` messages of this stream now has `after`. */
  delivered(before: number, after: number): void {
    const first = Math.floor(before / this.#batch);
    const last = Math.floor(after / this.#batch);
    for (let batch = first; batch < last; batch++) this.#arrived[batch % this.#window]!++;
    if (last > first) this.#advance();
  }

  #advance(): void {
    while (this.#complete < this.#sent && this.#arrived[this.#complete % this.#window] === this.#receivers) {
      this.#arrived[this.#complete % this.#window] = 0;
      this.#complete++;
    }
    if (!this.#isEnding) this.#fill();
  }

  #isCounted(bytes: Buffer, at: number): boolean {
    const { length } = this.packet;
    const [from = length, to = length] = this.#counter;
    return (
      bytes.compare(this.packet, 0, from, at, at + from) === 0 &&
      bytes.compare(this.packet, to, length, at + to, at + length) === 0
    );
  }

  #counted(): Buffer {
    const packet = Buffer.from(this.packet);
    const [from = 0, to = 0] = this.#counter;
    packet.write(String(this.#sent).padStart(to - from, '0'), from, 'latin1');
    return packet;
  }

  #fill(): void {
    while (this.#sent - this.#complete < this.#window) {
      this.#sent++;
      this.#write();
    }
  }
}

const runBytes = 8_192;

function repeated(packet: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(runBytes / packet.length) }, () => packet));
}
