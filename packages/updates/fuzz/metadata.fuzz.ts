import { readFileSync } from 'node:fs';
import { isUpdatesError } from '../src/errors.ts';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from '../src/metadata/parse.ts';
import { parseSecond } from '../src/metadata/second-signature.ts';
import { parseKeyFile } from '../src/release-key-file.ts';
import { isTokenKeyFile, parseTokenKey, writeTokenKey } from '../src/token-key-file.ts';

const vectors = new URL('../../../conformance/vectors/tuf/valid/', import.meta.url);
const bytesMax = 64 * 1024;

/** One file of each role, as published, and the file of a key in a token. */
export const seeds: readonly Uint8Array[] = [...publishedFiles(), tokenKeyFile()];

const parsers = [
  parseRoot,
  parseTimestamp,
  parseSnapshot,
  parseTargets,
  parseKeyFile,
  parseTokenKey,
  parseSecond,
];

/** No bytes make a parser do anything but accept or refuse. */
export function fuzz(input: Uint8Array): void {
  isTokenKeyFile(input);
  for (const parse of parsers) {
    try {
      parse(input, bytesMax);
    } catch (error) {
      if (!isUpdatesError(error)) throw error;
    }
  }
}

function tokenKeyFile(): Uint8Array {
  const publicKey = Buffer.from('MCowBQYDK2VwAyEAmEO1oRFN0yRb2A7kwXYXM71YwY9cgjbZNzJHWYQWbPU=', 'base64');
  return writeTokenKey({ publicKey, tokenLabel: 'ada', objectId: new Uint8Array([1, 2, 3]) });
}

function publishedFiles(): readonly Uint8Array[] {
  const vector = JSON.parse(readFileSync(new URL('first-refresh.json', vectors), 'utf8'));
  return Object.values(vector.repository).map((text) => new TextEncoder().encode(String(text)));
}
