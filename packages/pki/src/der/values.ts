import { PkiError } from '../errors.ts';
import { decodeOid } from './oid.ts';
import type { DerReader } from './reader.ts';
import { tags } from './tags.ts';

/** BOOLEAN: DER knows only 0x00 and 0xff (X.690 §11.1). */
function readBoolean(reader: DerReader, what: string): boolean {
  const content = reader.content(tags.boolean, what);
  const octet = content[0];
  if (content.length !== 1 || (octet !== 0 && octet !== 0xff))
    throw new PkiError('pki.der', `${what} is not a DER boolean`);
  return octet === 0xff;
}

/** An optional `BOOLEAN DEFAULT FALSE`; DER leaves the default out (X.690 §11.5). */
export function readFlag(reader: DerReader, what: string): boolean {
  if (reader.peekTag() !== tags.boolean) return false;
  if (readBoolean(reader, what)) return true;
  throw new PkiError('pki.der', `${what} writes out its default, which DER leaves out`);
}

/** INTEGER as its two's-complement content octets, shortest form only (X.690 §8.3.2). */
export function readInteger(reader: DerReader, what: string, tag: number = tags.integer): Uint8Array {
  const content = reader.content(tag, what);
  if (content.length === 0) throw new PkiError('pki.der', `${what} is an integer without octets`);
  const [first = 0, second = 0] = content;
  if (content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new PkiError('pki.der', `${what} is an integer that is not in its shortest form`);
  return content;
}

/** INTEGER of at most 48 bits, not negative. */
export function readSmallInteger(reader: DerReader, what: string, tag: number = tags.integer): number {
  const content = readInteger(reader, what, tag);
  if (content.length > 6 || (content[0] ?? 0) >= 0x80)
    throw new PkiError('pki.der', `${what} is negative or larger than can be meant`);
  return content.reduce((value, octet) => value * 256 + octet, 0);
}

/** The magnitude of an INTEGER that must not be negative, without its sign octet. */
export function readUnsigned(reader: DerReader, what: string): Uint8Array {
  const content = readInteger(reader, what);
  if ((content[0] ?? 0) >= 0x80) throw new PkiError('pki.der', `${what} is negative`);
  return content.length > 1 && content[0] === 0 ? content.subarray(1) : content;
}

export function readOid(reader: DerReader, what: string): string {
  return decodeOid(reader.content(tags.oid, what));
}

export function readNull(reader: DerReader, what: string): void {
  if (reader.content(tags.null, what).length !== 0) throw new PkiError('pki.der', `${what} is not empty`);
}

/** BIT STRING of whole octets, as keys and signatures are. */
export function readBitStringOctets(reader: DerReader, what: string): Uint8Array {
  const content = reader.content(tags.bitString, what);
  if (content.length === 0 || content[0] !== 0)
    throw new PkiError('pki.der', `${what} is not a bit string of whole octets`);
  return content.subarray(1);
}

/** Named-bit BIT STRING (X.690 §11.2.2: no trailing zero bits): the numbers of the bits that are set. */
export function readNamedBits(reader: DerReader, what: string): readonly number[] {
  const content = reader.content(tags.bitString, what);
  const unused = content[0] ?? 8;
  const last = content.at(-1) ?? 0;
  const empty = content.length === 1 && unused === 0;
  if (
    !empty &&
    (content.length < 2 || content.length > 9 || unused > 7 || last % 2 ** (unused + 1) !== 2 ** unused)
  )
    throw new PkiError('pki.der', `${what} is not a DER list of named bits`);
  const set: number[] = [];
  for (let bit = 0; bit < (content.length - 1) * 8; bit++)
    if (((content[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) set.push(bit);
  return set;
}
