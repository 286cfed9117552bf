import type { Stream } from '../workloads.ts';

/** One stream under way: writes the next batch when every receiver has a batch, so that at most `window` are under way. */
export class Flow {
  readonly packet: Buffer;
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
    this.#write = () => write(bytes);
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

  #fill(): void {
    while (this.#sent - this.#complete < this.#window) {
      this.#sent++;
      this.#write();
    }
  }
}
