import { fromBase64, InvalidInputError } from '@fleetward/core';
import { PkiError, parsePem } from '@fleetward/pki';
import { CliError } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';

const keyBytesMax = 4_096;

/** A public key in a file (SubjectPublicKeyInfo): PEM as `init` writes it, base64 as the API gives it, or DER. */
export async function readPublicKey(file: string, terminal: Terminal): Promise<Uint8Array> {
  const bytes = await readInput(file, { terminal, bytesMax: keyBytesMax });
  if (bytes[0] === 0x30) return bytes;
  try {
    return parseText(Buffer.from(bytes).toString('latin1'));
  } catch (cause) {
    if (!(cause instanceof PkiError || cause instanceof InvalidInputError)) throw cause;
    throw new CliError('cli.unreadable', `\`${file}\` is not a public key in PEM, base64 or DER`, { cause });
  }
}

function parseText(text: string): Uint8Array {
  if (!text.includes('-----BEGIN ')) return fromBase64(text.trim());
  const [block] = parsePem(text, { labels: ['PUBLIC KEY'], blocksMax: 1 });
  return block?.der ?? new Uint8Array(0);
}
