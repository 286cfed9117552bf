import { generateKeyPairSync } from 'node:crypto';
import { InvalidInputError, parseSha256 } from '@fleetward/core';
import { trailGenesis, trailPayloadHash } from '../src/trail.ts';
import { formatTrailLine, parseTrailLine } from '../src/trail-line.ts';
import { verifyTrail } from '../src/verify-trail.ts';

const salt = '00'.repeat(16);
const payload = '{"actor":{"kind":"system"},"payload":{"name":"é\\"\\\\"}}';
const entry = {
  node: 'node-1',
  seq: 1,
  prev: trailGenesis('node-1'),
  at: 1_700_000_000_000,
  kind: 'thing.created',
  payloadHash: trailPayloadHash(salt, payload),
};
const checkpoint = {
  node: 'node-1',
  seq: 1,
  hash: parseSha256('ab'.repeat(32)),
  at: 1,
  signature: `${'A'.repeat(86)}==`,
};
const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });

export const seeds: readonly Uint8Array[] = [
  formatTrailLine({ type: 'entry', entry, salt, payload }),
  formatTrailLine({ type: 'entry', entry }),
  formatTrailLine({ type: 'checkpoint', checkpoint }),
].map((line) => Buffer.from(line));

/** Whatever the line is, it parses to one text or is refused, and the verifier has a verdict on it. */
export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString('utf8');
  try {
    const line = parseTrailLine(text);
    if (formatTrailLine(line) !== text) throw new Error('a line has two texts');
    verifyTrail([line], { publicKey });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
  }
}
