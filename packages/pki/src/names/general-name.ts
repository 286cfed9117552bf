import { utf8 } from '@fleetward/core';
import type { DerReader } from '../der/reader.ts';
import { contextConstructed, contextPrimitive } from '../der/tags.ts';
import { explicit, implicit } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';
import { type Name, readName } from './name.ts';
import { visibleIa5 } from './strings.ts';

/** A GeneralName (RFC 5280 §4.2.1.6); the forms this package has no use for are only named by their tag. */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri' | 'ip'; readonly value: string }
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'other'; readonly tag: number };

const kindTags = { email: 1, dns: 2, directory: 4, uri: 6, ip: 7 } as const;

/** Reads the GeneralNames inside `names`, at least one. */
export function readGeneralNames(names: DerReader, what: string): readonly GeneralName[] {
  const list: GeneralName[] = [];
  do {
    if (list.length >= limits.generalNamesMax) throw new PkiError('pki.name', `${what} has too many names`);
    list.push(readGeneralName(names, what));
  } while (!names.done);
  return list;
}

export function readGeneralName(reader: DerReader, what: string): GeneralName {
  const tag = reader.peekTag();
  switch (tag) {
    case contextPrimitive(kindTags.email):
      return { kind: 'email', value: visibleIa5(reader.content(tag, what), what) };
    case contextPrimitive(kindTags.dns):
      return { kind: 'dns', value: visibleIa5(reader.content(tag, what), what) };
    case contextPrimitive(kindTags.uri):
      return { kind: 'uri', value: visibleIa5(reader.content(tag, what), what) };
    case contextPrimitive(kindTags.ip):
      return { kind: 'ip', value: ipText(reader.content(tag, what), what) };
    case contextConstructed(kindTags.directory):
      return directoryName(reader.enter(tag, what), what);
    default:
      return otherName(reader, what);
  }
}

function ipText(octets: Uint8Array, what: string): string {
  const text = formatIpAddress(octets);
  if (text === undefined)
    throw new PkiError('pki.name', `${what} has an IP address of \`${octets.length}\` octets`);
  return text;
}

function directoryName(inside: DerReader, what: string): GeneralName {
  const name = readName(inside, what);
  inside.end(what);
  return { kind: 'directory', name };
}

function otherName(reader: DerReader, what: string): GeneralName {
  const tag = reader.peekTag();
  if (tag < 0x80 || (tag & 0x1f) > 8)
    throw new PkiError('pki.name', `${what} has a name of unknown form \`${tag}\``);
  reader.any(what);
  return { kind: 'other', tag: tag & 0x1f };
}

/** The element of a name of the forms we issue. */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  switch (name.kind) {
    case 'directory':
      return explicit(kindTags.directory, name.name.der);
    case 'ip':
      return implicit(kindTags.ip, ipOctets(name.value));
    case 'other':
      throw new PkiError('pki.issue', 'names of this form are not issued');
    default:
      return implicit(kindTags[name.kind], utf8(name.value));
  }
}

function ipOctets(text: string): Uint8Array {
  const octets = parseIpAddress(text);
  if (octets === undefined) throw new PkiError('pki.issue', `\`${text.slice(0, 64)}\` is not an IP address`);
  return octets;
}
