import { PkiError } from '../errors.ts';

/** Reads what a TPM marshals: integers in network byte order, and byte strings after their 16-bit length (TPM 2.0 Part 2 §4.2, §10.4). */
export class TpmReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** Refuses more than `bytesMax` before anything is read. */
  constructor(bytes: Uint8Array, { what, bytesMax }: { readonly what: string; readonly bytesMax: number }) {
    if (bytes.length > bytesMax)
      throw new PkiError('pki.too_large', `${what} has ${bytes.length} bytes; at most ${bytesMax} are read`);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  uint16(): number {
    return this.take(2).readUInt16BE();
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  /** A TPM2B: its length, then as many bytes. */
  sized(): Buffer {
    return this.take(this.uint16());
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new PkiError('pki.tpm', `${this.#what} is cut off`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new PkiError('pki.tpm', `${this.#what} has ${left} bytes more than it says`);
  }
}
