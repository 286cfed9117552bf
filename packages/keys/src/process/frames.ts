import { concatBytes, type Json, type JsonObject, parseStrictJson, utf8 } from '@fleetward/core';
import { KeysError } from '../errors.ts';

/** One message between the server and the signing process: a small JSON header and bytes that are never text. */
export interface Frame {
  readonly header: Json;
  readonly body: Uint8Array;
}

/** Room for a list of a million revoked certificates, as `limits.crlEntriesMax` of `@fleetward/pki` has it: 40 bytes each, with the longest serial 56. */
export const bodyBytesMax = 56 * 1024 * 1024;
export const headerBytesMax = 16 * 1024;

const lengthBytes = 4;
const prefixBytes = 2 * lengthBytes;

/** A larger body is written as it is: to copy megabytes takes milliseconds. */
const joinedBytesMax = 64 * 1024;

/** `header length (u32) ‖ body length (u32) ‖ header (JSON) ‖ body`, lengths big-endian. */
export function encodeFrame(header: JsonObject, body?: Uint8Array): Uint8Array {
  return concatBytes(framePieces(header, body));
}

/** The same to be written one after the other. A large body is the caller's own, who leaves it alone until it is written. */
export function framePieces(header: JsonObject, body: Uint8Array = new Uint8Array(0)): readonly Uint8Array[] {
  const headerBytes = utf8(JSON.stringify(header));
  if (headerBytes.length > headerBytesMax || body.length > bodyBytesMax) {
    throw new KeysError(
      'keys.too_large',
      `at most ${bodyBytesMax} bytes go to or from the signing process at once`,
    );
  }
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(headerBytes.length, 0);
  prefix.writeUInt32BE(body.length, lengthBytes);
  if (body.length <= joinedBytesMax) return [concatBytes([prefix, headerBytes, body])];
  return [concatBytes([prefix, headerBytes]), body];
}

/** Cuts a byte stream into frames; holds at most one unfinished frame and the chunk that came last. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** Returns the frames that this chunk completes. After a throw the stream is lost: its frames cannot be found again. */
  push(chunk: Uint8Array): readonly Frame[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#buffered < prefixBytes) return undefined;
    const { headerLength, bodyLength } = readPrefix(this.#join(prefixBytes));
    const total = prefixBytes + headerLength + bodyLength;
    if (this.#buffered < total) return undefined;
    const bytes = this.#join(total);
    const bodyStart = prefixBytes + headerLength;
    const frame = {
      header: parseHeader(bytes.subarray(prefixBytes, bodyStart)),
      // A copy, which `slice` would not be: the bytes may be a Buffer.
      body: new Uint8Array(bytes.subarray(bodyStart, total)),
    };
    this.#chunks = bytes.length === total ? [] : [bytes.subarray(total)];
    this.#buffered -= total;
    return frame;
  }

  /** Copies only as often as the first chunk is too short, so that a large body is joined once. */
  #join(wanted: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= wanted) return first;
    const joined = concatBytes(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function readPrefix(bytes: Uint8Array): { readonly headerLength: number; readonly bodyLength: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, prefixBytes);
  const headerLength = view.getUint32(0);
  const bodyLength = view.getUint32(lengthBytes);
  if (headerLength > headerBytesMax || bodyLength > bodyBytesMax) {
    throw new KeysError('keys.protocol', 'a frame is longer than the protocol allows');
  }
  return { headerLength, bodyLength };
}

function parseHeader(bytes: Uint8Array): Json {
  try {
    return parseStrictJson(bytes, { bytesMax: headerBytesMax, depthMax: 4 });
  } catch (cause) {
    throw new KeysError('keys.protocol', 'the header of a frame is not JSON', { cause });
  }
}
