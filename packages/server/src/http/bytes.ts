/** The same bytes as a `Buffer`, not copied: a client that reads slowly must not cost a copy of a large answer. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
