import { concatBytes, type Json, utf8 } from '@fleetward/core';

/** JSON, and bytes, which JSON has not. */
export type CborValue = Json | Uint8Array | readonly CborValue[] | { readonly [name: string]: CborValue };

/** The CBOR of a value (RFC 8949 §4.2: shortest lengths, all definite; map keys in the order they have). */
export function encodeCbor(value: CborValue): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6);
  switch (typeof value) {
    case 'boolean':
      return Uint8Array.of(value ? 0xf5 : 0xf4);
    case 'number':
      return encodeNumber(value);
    case 'string':
      return encodeText(value);
    default:
      if (value instanceof Uint8Array) return concatBytes([head(2, value.length), value]);
      return Array.isArray(value)
        ? encodeArray(value)
        : encodeMap(value as Readonly<Record<string, CborValue>>);
  }
}

function encodeNumber(value: number): Uint8Array {
  if (Number.isSafeInteger(value) && !Object.is(value, -0))
    return value < 0 ? head(1, -1 - value) : head(0, value);
  const bytes = new Uint8Array(9);
  bytes[0] = 0xfb;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

function encodeText(text: string): Uint8Array {
  const bytes = utf8(text);
  return concatBytes([head(3, bytes.length), bytes]);
}

function encodeArray(items: readonly CborValue[]): Uint8Array {
  return concatBytes([head(4, items.length), ...items.map(encodeCbor)]);
}

function encodeMap(members: Readonly<Record<string, CborValue>>): Uint8Array {
  const entries = Object.entries(members);
  return concatBytes([
    head(5, entries.length),
    ...entries.flatMap(([key, value]) => [encodeText(key), encodeCbor(value)]),
  ]);
}

function head(major: number, argument: number): Uint8Array {
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | argument);
  if (argument < 0x100) return Uint8Array.of(type | 24, argument);
  if (argument < 0x1_0000) return Uint8Array.of(type | 25, argument >> 8, argument & 0xff);
  const isWide = argument > 0xffff_ffff;
  const bytes = new Uint8Array(isWide ? 9 : 5);
  const view = new DataView(bytes.buffer);
  bytes[0] = type | (isWide ? 27 : 26);
  if (isWide) view.setBigUint64(1, BigInt(argument));
  else view.setUint32(1, argument);
  return bytes;
}
