const firstBytes = 64 * 1024;

/** Packed bytes that do not hold what they must. */
export class PackedBytesError extends RangeError {}

/** Fields one after the other in one buffer, which grows with them and changes threads without a copy. Numbers are little-endian. */
export class PackedWriter {
  #buffer: ArrayBuffer;
  #view: DataView;
  #bytes: Buffer;
  #length = 0;

  constructor(buffer: ArrayBuffer = new ArrayBuffer(firstBytes)) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** The first `length` bytes of it are written. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  uint8(value: number): void {
    this.#makeRoom(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
  }

  uint32(value: number): void {
    this.#makeRoom(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** A count, a number or a time: an integer from 0 that a double holds. */
  integer(value: number): void {
    this.#makeRoom(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.#makeRoom(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(value: string): void {
    const mostBytes = 3 * value.length; // UTF-8 of one UTF-16 unit
    this.#makeRoom(4 + mostBytes);
    const written = this.#bytes.write(value, this.#length + 4);
    this.uint32(written);
    this.#length += written;
  }

  #makeRoom(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.byteLength) return;
    this.#buffer = this.#buffer.transfer(Math.max(needed, 2 * this.#buffer.byteLength));
    this.#view = new DataView(this.#buffer);
    this.#bytes = Buffer.from(this.#buffer);
  }
}

/** Reads what `PackedWriter` wrote. Every read throws `PackedBytesError` where the bytes do not hold it. */
export class PackedReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  integer(): number {
    const value = this.#view.getFloat64(this.#take(8), true);
    if (!Number.isSafeInteger(value) || value < 0)
      throw new PackedBytesError(`\`${value}\` is no integer from 0`);
    return value;
  }

  /** A view on the packed bytes, not a copy. */
  bytes(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start)
      throw new PackedBytesError(
        `\`${count}\` bytes at \`${start}\` go beyond the \`${this.#bytes.length}\` there are`,
      );
    this.#at = start + count;
    return start;
  }
}
