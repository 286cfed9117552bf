import { PkiError } from '../errors.ts';

const contentBytesMax = 64;

/** Dotted text of an OBJECT IDENTIFIER's content octets (X.690 §8.19); arcs in their shortest form only. */
export function decodeOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > contentBytesMax || (content.at(-1) ?? 0x80) >= 0x80)
    throw new PkiError('pki.der', 'not DER: an object identifier is empty, too long or cut off');
  const arcs: string[] = [];
  let arc = 0n;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80)
      throw new PkiError('pki.der', 'not DER: an object identifier has a padded arc');
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    fresh = octet < 0x80;
    if (!fresh) continue;
    arcs.push(arcs.length === 0 ? firstArcs(arc) : arc.toString());
    arc = 0n;
  }
  return arcs.join('.');
}

function firstArcs(arc: bigint): string {
  if (arc < 40n) return `0.${arc}`;
  return arc < 80n ? `1.${arc - 40n}` : `2.${arc - 80n}`;
}

/** Content octets of a dotted object identifier. For the identifiers this package writes, not for foreign text. */
export function encodeOid(dotted: string): Uint8Array {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  return Uint8Array.from([first * 40n + second, ...rest].flatMap(base128));
}

function base128(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) octets.unshift(Number(left & 0x7fn) | 0x80);
  return octets;
}
