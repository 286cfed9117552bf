import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readOid } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type NameAttribute, nameAttributeOf } from './attributes.ts';
import { formatName } from './format-name.ts';
import { readDirectoryString } from './strings.ts';

export interface NamePart {
  readonly oid: string;
  /** Nothing when the attribute type is not one this package knows; then `text` is nothing too. */
  readonly attribute: NameAttribute | undefined;
  readonly text: string | undefined;
  /** The value with its header, for the text form of unknown attributes. */
  readonly valueDer: Uint8Array;
}

/** A distinguished name (RFC 5280 §4.1.2.4), as bytes, as values by attribute and as text. */
export interface Name {
  /** Names are compared by these bytes. */
  readonly der: Uint8Array;
  readonly rdns: readonly (readonly NamePart[])[];
  /** Values in the order of the name, for attributes that occur. */
  readonly attributes: Readonly<Partial<Record<NameAttribute, readonly string[]>>>;
  /** RFC 4514 text, most specific first; control characters are escaped. */
  readonly text: string;
}

/** Parses one DER-encoded name. */
export function parseName(der: Uint8Array): Name {
  const reader = openDer(der, limits.certificateBytesMax);
  const name = readName(reader, 'the name');
  reader.end('the name');
  return name;
}

export function readName(reader: DerReader, what: string): Name {
  const der = reader.peek(what);
  const sequence = reader.enter(tags.sequence, what);
  const rdns: (readonly NamePart[])[] = [];
  while (!sequence.done) {
    if (rdns.length >= limits.rdnsMax) throw new PkiError('pki.name', `${what} has too many parts`);
    rdns.push(readRdn(sequence.enter(tags.set, what), what));
  }
  return { der, rdns, attributes: byAttribute(rdns.flat()), text: formatName(rdns) };
}

function readRdn(set: DerReader, what: string): readonly NamePart[] {
  const parts: NamePart[] = [];
  let previous: Uint8Array | undefined;
  do {
    if (parts.length >= limits.rdnPartsMax) throw new PkiError('pki.name', `${what} has too many parts`);
    const member = set.peek(what);
    // X.690 §11.6: the members of a set stand in ascending order.
    if (previous !== undefined && Buffer.compare(previous, member) >= 0)
      throw new PkiError('pki.der', `${what} has a set that is not in ascending order`);
    previous = member;
    parts.push(readPart(set.enter(tags.sequence, what), what));
  } while (!set.done);
  return parts;
}

function readPart(part: DerReader, what: string): NamePart {
  const oid = readOid(part, what);
  const attribute = nameAttributeOf(oid);
  const valueDer = part.peek(what);
  const text = attribute === undefined ? undefined : readDirectoryString(part, `${what}'s ${attribute}`);
  if (text === undefined) part.any(what);
  part.end(what);
  return { oid, attribute, text, valueDer };
}

function byAttribute(parts: readonly NamePart[]): Name['attributes'] {
  const values: Partial<Record<NameAttribute, string[]>> = {};
  for (const { attribute, text } of parts) {
    if (attribute === undefined || text === undefined) continue;
    const list = values[attribute] ?? [];
    list.push(text);
    values[attribute] = list;
  }
  return values;
}
