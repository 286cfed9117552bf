import { readFileSync } from 'node:fs';
import { isUpdatesError } from '../src/errors.ts';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from '../src/metadata/parse.ts';
import { parseSecond } from '../src/metadata/second-signature.ts';
import { parseKeyFile } from '../src/release-key-file.ts';

const vectors = new URL('../../../conformance/vectors/tuf/valid/', import.meta.url);
const bytesMax = 64 * 1024;

/** One file of each role, as published. */
export const seeds: readonly Uint8Array[] = publishedFiles();

/** No bytes make a parser do anything but accept or refuse. */
export function fuzz(input: Uint8Array): void {
  for (const parse of [parseRoot, parseTimestamp, parseSnapshot, parseTargets, parseKeyFile, parseSecond]) {
    try {
      parse(input, bytesMax);
    } catch (error) {
      if (!isUpdatesError(error)) throw error;
    }
  }
}

function publishedFiles(): readonly Uint8Array[] {
  const vector = JSON.parse(readFileSync(new URL('first-refresh.json', vectors), 'utf8'));
  return Object.values(vector.repository).map((text) => new TextEncoder().encode(String(text)));
}
