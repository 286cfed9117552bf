import { utf8 } from '@fleetward/core';
import { encodeOid } from './oid.ts';
import { contextConstructed, contextPrimitive, tags } from './tags.ts';

/** One element: tag, shortest definite length, the parts one after the other. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const headerLength = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x1_00_00 ? 4 : 0;
  if (headerLength === 0) return largeElement(tag, { length, parts });
  const bytes = new Uint8Array(headerLength + length);
  bytes[0] = tag;
  bytes[1] = headerLength === 2 ? length : 0x7e + headerLength;
  if (headerLength === 4) bytes[2] = length >> 8;
  if (headerLength > 2) bytes[headerLength - 1] = length & 0xff;
  return filled(bytes, { at: headerLength, parts });
}

function largeElement(
  tag: number,
  { length, parts }: { readonly length: number; readonly parts: readonly Uint8Array[] },
): Uint8Array {
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  const header = [tag, 0x80 | octets.length, ...octets];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  return filled(bytes, { at: header.length, parts });
}

function filled(
  bytes: Uint8Array,
  { at: start, parts }: { readonly at: number; readonly parts: readonly Uint8Array[] },
): Uint8Array {
  let at = start;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tags.sequence, ...parts);
}

/** SET OF: DER wants its members in ascending order (X.690 §11.6). */
export function setOf(...members: readonly Uint8Array[]): Uint8Array {
  return element(tags.set, ...[...members].sort((a, b) => Buffer.compare(a, b)));
}

export function explicit(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(contextConstructed(number), ...parts);
}

export function implicit(number: number, content: Uint8Array): Uint8Array {
  return element(contextPrimitive(number), content);
}

/** INTEGER from a magnitude: leading zeros dropped, a sign octet added where the top bit is set. */
export function unsigned(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  if (digits.length === 0) return element(tags.integer, Uint8Array.of(0));
  return (digits[0] ?? 0) >= 0x80
    ? element(tags.integer, Uint8Array.of(0), digits)
    : element(tags.integer, digits);
}

/** INTEGER from a number that is a safe integer and not negative. */
export function smallInteger(value: number): Uint8Array {
  const hex = value.toString(16);
  return unsigned(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
}

export function enumerated(value: number): Uint8Array {
  return element(tags.enumerated, Uint8Array.of(value));
}

// Those that are written are of a short list, and each is written again and again.
const knownOidsMax = 128;
const knownOids = new Map<string, Uint8Array>();

export function oid(dotted: string): Uint8Array {
  const known = knownOids.get(dotted);
  if (known !== undefined) return known;
  const encoded = element(tags.oid, encodeOid(dotted));
  if (knownOids.size < knownOidsMax) knownOids.set(dotted, encoded);
  return encoded;
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(tags.octetString, content);
}

/** BIT STRING of whole octets. */
export function bitString(content: Uint8Array): Uint8Array {
  return element(tags.bitString, Uint8Array.of(0), content);
}

/** Named-bit BIT STRING, trailing zero bits left out (X.690 §11.2.2); bits 0 to 15. */
export function namedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(-1, ...bits);
  const octets = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const unused = highest < 0 ? 0 : 7 - (highest & 7);
  return element(tags.bitString, Uint8Array.of(unused), octets);
}

export function boolean(value: boolean): Uint8Array {
  return element(tags.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function nullValue(): Uint8Array {
  return element(tags.null);
}

export function utf8String(text: string): Uint8Array {
  return element(tags.utf8String, utf8(text));
}

/** The caller has made sure that `text` is of the PrintableString alphabet. */
export function printableString(text: string): Uint8Array {
  return element(tags.printableString, utf8(text));
}
