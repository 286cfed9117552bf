import { crc32 } from 'node:zlib';

/** A message as the queue keeps it. */
export interface StoredMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** What it takes on the disk. */
  readonly recordBytes: number;
}

const headerBytes = 8;
/** Length of the topic, before it. */
const prefixBytes = 2;

/** `u32 length | u32 CRC-32 of the body | body`, and the body is `u16 length of the topic | topic | payload`; big-endian. */
export function encodeRecord(topic: string, payload: Uint8Array): Buffer {
  const topicBytes = Buffer.from(topic);
  const record = Buffer.alloc(headerBytes + prefixBytes + topicBytes.length + payload.length);
  record.writeUInt16BE(topicBytes.length, headerBytes);
  record.set(topicBytes, headerBytes + prefixBytes);
  record.set(payload, headerBytes + prefixBytes + topicBytes.length);
  record.writeUInt32BE(record.length - headerBytes, 0);
  record.writeUInt32BE(crc32(record.subarray(headerBytes)), 4);
  return record;
}

/**
 * The records of a segment up to the first that is not whole: what a power cut has torn was acknowledged to nobody, and behind a place
 * that the disk has lost nothing can be told apart. `damagedBytes` is what is left over.
 */
export function parseSegment(bytes: Uint8Array): {
  readonly messages: StoredMessage[];
  readonly damagedBytes: number;
} {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: StoredMessage[] = [];
  let at = 0;
  for (;;) {
    const message = readRecord(file, at);
    if (message === undefined) return { messages, damagedBytes: file.length - at };
    messages.push(message);
    at += message.recordBytes;
  }
}

function readRecord(file: Buffer, at: number): StoredMessage | undefined {
  if (file.length - at < headerBytes + prefixBytes) return undefined;
  const length = file.readUInt32BE(at);
  if (length < prefixBytes || length > file.length - at - headerBytes) return undefined;
  const body = file.subarray(at + headerBytes, at + headerBytes + length);
  if (crc32(body) !== file.readUInt32BE(at + 4)) return undefined;
  const topicBytes = body.readUInt16BE(0);
  if (prefixBytes + topicBytes > length) return undefined;
  return {
    topic: body.toString('utf8', prefixBytes, prefixBytes + topicBytes),
    payload: body.subarray(prefixBytes + topicBytes),
    recordBytes: headerBytes + length,
  };
}
