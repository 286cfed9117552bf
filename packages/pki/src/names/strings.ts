import type { DerReader } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';

const printableAlphabet = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const ascii = /^[\x00-\x7f]*$/;
const visibleAscii = /^[\x20-\x7e]*$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function isPrintableString(text: string): boolean {
  return printableAlphabet.test(text);
}

/** The text of a DirectoryString or IA5String (RFC 5280 §4.1.2.4), each type held to its own alphabet. */
export function readDirectoryString(reader: DerReader, what: string): string {
  const tag = reader.peekTag();
  const content = reader.content(tag, what);
  if (content.length > limits.nameValueBytesMax)
    throw new PkiError(
      'pki.name',
      `${what} has ${content.length} bytes; at most ${limits.nameValueBytesMax} are accepted`,
    );
  const text = decode(tag, content);
  if (text === undefined)
    throw new PkiError('pki.name', `${what} is not text of its declared string type (tag \`${tag}\`)`);
  return text;
}

function decode(tag: number, content: Uint8Array): string | undefined {
  if (tag === tags.utf8String) return decodeUtf8(content);
  if (tag === tags.bmpString) return decodeBmp(content);
  const text = Buffer.from(content).toString('latin1');
  if (tag === tags.printableString) return matching(text, printableAlphabet);
  if (tag === tags.ia5String) return matching(text, ascii);
  // T.61 is a family of code pages; only what all of them share is taken.
  if (tag === tags.teletexString) return matching(text, visibleAscii);
  return tag === tags.numericString ? matching(text, /^[0-9 ]*$/) : undefined;
}

function matching(text: string, alphabet: RegExp): string | undefined {
  return alphabet.test(text) ? text : undefined;
}

function decodeUtf8(content: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(content);
  } catch (cause) {
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
}

function decodeBmp(content: Uint8Array): string | undefined {
  if (content.length % 2 !== 0) return undefined;
  const text = Buffer.from(content).swap16().toString('utf16le');
  return /\p{Cs}/u.test(text) ? undefined : text;
}

/** The content of an IA5String: visible ASCII only, so that no NUL or line break hides in a host name or URL. */
export function visibleIa5(content: Uint8Array, what: string): string {
  const text = Buffer.from(content).toString('latin1');
  if (content.length > limits.nameValueBytesMax || !visibleAscii.test(text))
    throw new PkiError('pki.name', `${what} is too long or holds characters other than visible ASCII`);
  return text;
}
