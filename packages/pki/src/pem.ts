import { PkiError } from './errors.ts';
import { limits } from './limits.ts';

/** The labels this package reads and writes (RFC 7468 §4). */
export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'NEW CERTIFICATE REQUEST'
  | 'X509 CRL'
  | 'PKCS7'
  | 'CMS'
  | 'PUBLIC KEY'
  | 'ENCRYPTED PRIVATE KEY';

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

export interface PemRules {
  /** A block with another label is refused: a private key in a certificate file is a mistake to hear about. */
  readonly labels: readonly PemLabel[];
  /** Default `limits.pemBlocksMax`. */
  readonly blocksMax?: number;
  /** Length of the whole text in bytes; default `limits.pemBytesMax`. */
  readonly bytesMax?: number;
}

/**
 * Reads every block of a PEM text (RFC 7468), at least one. Text outside of blocks is passed over; inside, only base64
 * in its canonical form is accepted: no headers, no stray bits.
 */
export function parsePem(input: Uint8Array | string, rules: PemRules): readonly PemBlock[] {
  const lines = decodeText(input, rules.bytesMax ?? limits.pemBytesMax).split('\n');
  const blocks: PemBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const label = boundary(lines[at] ?? '', 'BEGIN');
    if (label === undefined) continue;
    if (blocks.length >= (rules.blocksMax ?? limits.pemBlocksMax)) throw failure('too many blocks');
    checkLabel(label, rules.labels);
    const end = endOfBlock(lines, at + 1, label);
    blocks.push({ label, der: decodeBase64Lines(lines.slice(at + 1, end)) });
    at = end;
  }
  if (blocks.length === 0) throw failure(`no block \`${rules.labels.join('` or `')}\` found`);
  return blocks;
}

function decodeText(input: Uint8Array | string, bytesMax: number): string {
  if (input.length > bytesMax)
    throw new PkiError(
      'pki.too_large',
      `${input.length} bytes of PEM given; at most ${bytesMax} are accepted`,
    );
  return typeof input === 'string' ? input : Buffer.from(input).toString('latin1');
}

function boundary(line: string, word: 'BEGIN' | 'END'): string | undefined {
  const text = line.trimEnd();
  const [head, tail] = [`-----${word} `, '-----'];
  const framed = text.startsWith(head) && text.endsWith(tail) && text.length > head.length + tail.length;
  return framed ? text.slice(head.length, -tail.length) : undefined;
}

function checkLabel(label: string, allowed: readonly string[]): void {
  if (allowed.includes(label)) return;
  throw failure(`found a block \`${label.slice(0, 64)}\`, expected \`${allowed.join('` or `')}\``);
}

function endOfBlock(lines: readonly string[], from: number, label: string): number {
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (!line.startsWith('-----')) continue;
    if (boundary(line, 'END') === label) return at;
    break;
  }
  throw failure(`the block \`${label}\` is not closed by its own end line`);
}

function decodeBase64Lines(lines: readonly string[]): Uint8Array {
  return decodeCanonical(lines.map((line) => line.trimEnd()).join(''));
}

/**
 * Decodes the base64 body of an EST message (RFC 7030 §4, RFC 8951 §3.1): line breaks and blanks may stand between
 * characters, nothing else may; the encoding is canonical. `bytesMax` bounds the text.
 */
export function parseBase64Body(input: Uint8Array | string, bytesMax: number): Uint8Array {
  return decodeCanonical(decodeText(input, bytesMax).replace(/[\r\n\t ]+/g, ''));
}

function decodeCanonical(text: string): Uint8Array {
  const der = Buffer.from(text, 'base64');
  if (der.length === 0 || der.toString('base64') !== text)
    throw failure('the content is not canonical base64');
  return new Uint8Array(der.buffer, der.byteOffset, der.length);
}

/** One PEM block, lines of 64 characters. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.length)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function failure(message: string): PkiError {
  return new PkiError('pki.pem', `not PEM: ${message}`);
}
