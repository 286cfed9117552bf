import { PkiError } from '../errors.ts';
import { ReadBefore } from './read-before.ts';

const contentBytesMax = 64;
const exactArcMax = 2 ** 45;

const decoded = new ReadBefore<string>(256);

/** Dotted text of an OBJECT IDENTIFIER's content octets (X.690 §8.19); arcs in their shortest form only. */
export function decodeOid(content: Uint8Array): string {
  return decoded.get(content, decodeArcs);
}

function decodeArcs(content: Uint8Array): string {
  if (content.length === 0 || content.length > contentBytesMax || (content.at(-1) ?? 0x80) >= 0x80)
    throw new PkiError('pki.der', 'not DER: an object identifier is empty, too long or cut off');
  let dotted = '';
  let arc = 0;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80)
      throw new PkiError('pki.der', 'not DER: an object identifier has a padded arc');
    // Arcs beyond what a number holds exactly are rare: UUIDs under 2.25.
    if (arc > exactArcMax) return decodeLongArcs(content);
    arc = arc * 128 + (octet & 0x7f);
    fresh = octet < 0x80;
    if (!fresh) continue;
    dotted = dotted === '' ? firstArcs(arc) : `${dotted}.${arc}`;
    arc = 0;
  }
  return dotted;
}

function firstArcs(arc: number): string {
  if (arc < 40) return `0.${arc}`;
  return arc < 80 ? `1.${arc - 40}` : `2.${arc - 80}`;
}

function decodeLongArcs(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of content) {
    if (arc === 0n && octet === 0x80)
      throw new PkiError('pki.der', 'not DER: an object identifier has a padded arc');
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const head = first < 80n ? firstArcs(Number(first)) : `2.${first - 80n}`;
  return [head, ...rest].join('.');
}

/** Content octets of a dotted object identifier. For the identifiers this package writes, not for foreign text. */
export function encodeOid(dotted: string): Uint8Array {
  const known = encoded.get(dotted);
  if (known !== undefined) return known;
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const content = Uint8Array.from([first * 40n + second, ...rest].flatMap(base128));
  if (encoded.size < encodedMax) encoded.set(dotted, content);
  return content;
}

const encodedMax = 256;
const encoded = new Map<string, Uint8Array>();

function base128(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) octets.unshift(Number(left & 0x7fn) | 0x80);
  return octets;
}
