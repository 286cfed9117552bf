import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ChunkPool } from './chunk-pool.ts';
import { Outbox } from './outbox.ts';

/** The writing half of a connection: at most one write under way, all that gathers meanwhile goes into the next. */
export class Outlet {
  #stream: Duplex | undefined;
  readonly #outbox: Outbox;
  readonly #onWritten: () => void;
  #writingBytes = 0;
  #writingSinceMs = 0;
  #isClosed = false;

  constructor(stream: Duplex, options: { readonly pool: ChunkPool; readonly written: () => void }) {
    this.#stream = stream;
    this.#outbox = new Outbox(options.pool, { mayReuse: stream instanceof Socket });
    this.#onWritten = () => {
      this.#writingBytes = 0;
      if (this.#isClosed) return;
      this.#outbox.release();
      options.written();
    };
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  /** Bytes the socket has not taken yet. */
  get bufferedBytes(): number {
    return this.#outbox.stagedBytes + this.#writingBytes;
  }

  /** How long the write under way has been waiting, in milliseconds; 0 when there is none. */
  stalledMs(nowMs: number): number {
    return this.#writingBytes === 0 ? 0 : nowMs - this.#writingSinceMs;
  }

  /** Writes what is staged unless a write is under way; returns the bytes given to the stream. */
  flush(nowMs: number): number {
    if (this.#isClosed) return 0;
    if (this.#writingBytes > 0) {
      this.#outbox.settle(); // it may take long, and must not hold the chunks of others
      return 0;
    }
    const bytes = this.#outbox.take();
    if (bytes === undefined) return 0;
    this.#writingBytes = bytes.length;
    this.#writingSinceMs = nowMs;
    this.#stream?.write(bytes, this.#onWritten);
    return bytes.length;
  }

  /** Says the rest and a last packet, and ends; the peer may take its time to read them. */
  end(packet: Buffer | undefined): void {
    const bytes = this.#last(packet);
    if (bytes === undefined) this.#stream?.end();
    else this.#stream?.end(bytes);
  }

  /** Ends now. The last packet goes out only when the socket takes it at once. */
  abort(packet: Buffer | undefined): void {
    const bytes = this.#last(packet);
    if (bytes !== undefined && this.#writingBytes === 0) this.#stream?.write(bytes);
    this.#stream?.destroy();
  }

  /** The stream has closed. */
  letGo(): void {
    this.#stream = undefined;
    this.#outbox.clear();
  }

  #last(packet: Buffer | undefined): Buffer | undefined {
    this.#isClosed = true;
    if (packet !== undefined) this.#outbox.share(packet);
    return this.#stream?.writable === true ? this.#outbox.take() : undefined;
  }
}
