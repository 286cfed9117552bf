import { Duplex } from 'node:stream';

/** A connection without a network: `receive` is what the client sends, `onSent` hears what the broker writes. */
export class MemoryStream extends Duplex {
  /** A client that does not read: writes do not end until it does. */
  isStuck = false;
  readonly #onSent: (chunk: Buffer) => void;
  #waiting: (() => void) | undefined;

  constructor(onSent: (chunk: Buffer) => void) {
    super({ allowHalfOpen: false });
    this.#onSent = onSent;
  }

  receive(bytes: Buffer): void {
    if (!this.destroyed && !this.readableEnded) this.push(bytes);
  }

  readAgain(): void {
    this.isStuck = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#onSent(chunk);
    if (this.isStuck) this.#waiting = done;
    else done();
  }
}
