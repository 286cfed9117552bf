import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseSha256 } from '@fleetward/core';
import {
  formatTrailLine,
  parseTrailLine,
  type TrailLine,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadBytesMax,
  trailPayloadHash,
} from '@fleetward/protocol';
import { needs, openssl, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkpointKey, signedTrail } from './signed-trail.ts';

const key = checkpointKey();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('the hashes are of the texts that the format names', () => {
  const prev = trailGenesis('node-1');
  expect(prev).toBe(sha256('fleetward-trail:node-1'));
  const payloadHash = trailPayloadHash('0a'.repeat(16), '{"a":"é"}');
  expect(payloadHash).toBe(sha256(`${'\n'.repeat(16)}{"a":"é"}`));
  const entry = { node: 'node-1', seq: 1, prev, at: 5, kind: 'thing.created', payloadHash };
  expect(trailEntryHash(entry)).toBe(
    sha256(
      `{"at":5,"kind":"thing.created","node":"node-1","payloadHash":"${payloadHash}","prev":"${prev}","seq":1}`,
    ),
  );
});

describe('a line', () => {
  const payload = fc.oneof(fc.json(), fc.string({ unit: 'grapheme' }));

  test('has one text, which parses to the line', () => {
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 3 }), (payloads) => {
        for (const line of signedTrail(key, { payloads, checkpointsAfter: [1] })) {
          expect(parseTrailLine(formatTrailLine(line))).toEqual(line);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('in any other text of the same value is refused', () => {
    const [line] = signedTrail(key, { payloads: ['{"a":"b"}'], checkpointsAfter: [] });
    const text = formatTrailLine(line!);
    for (const other of [` ${text}`, `${text}\r`, JSON.stringify(JSON.parse(text), null, 1)]) {
      expect(() => parseTrailLine(other)).toThrow(/canonical/);
    }
    const { type, ...rest } = line!;
    expect(() => parseTrailLine(JSON.stringify({ type, ...rest }))).toThrow(/canonical/);
  });

  test('with a payload above its limit is refused', () => {
    const line = (bytes: number): TrailLine => {
      const text = 'x'.repeat(bytes);
      return signedTrail(key, { payloads: [text], checkpointsAfter: [] })[0]!;
    };
    expect(parseTrailLine(formatTrailLine(line(trailPayloadBytesMax)))).toBeDefined();
    expect(() => parseTrailLine(formatTrailLine(line(trailPayloadBytesMax + 1)))).toThrow(/payload/);
  });

  test('with half of a payload is refused', () => {
    const [line] = signedTrail(key, { payloads: ['{}'], checkpointsAfter: [] });
    if (line?.type !== 'entry') throw new Error('the first line is an entry');
    const { salt: _, ...unsalted } = line;
    const { payload: __, ...unpaid } = line;
    expect(() => parseTrailLine(formatTrailLine(unsalted))).toThrow(/salt/);
    expect(() => parseTrailLine(formatTrailLine(unpaid))).toThrow(/payload/);
  });
});

needs('openssl', 'openssl').describe('the openssl program', () => {
  test('verifies a checkpoint', async () => {
    using folder = temporaryFolder();
    const [, line] = signedTrail(key, { payloads: ['{}'], checkpointsAfter: [1] });
    if (line?.type !== 'checkpoint') throw new Error('the second line is a checkpoint');
    const files = {
      key: folder.join('key'),
      message: folder.join('message'),
      signature: folder.join('signature'),
    };
    writeFileSync(files.key, key.publicKey);
    writeFileSync(files.signature, Buffer.from(line.checkpoint.signature, 'base64'));
    const verify = ['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', files.key, '-rawin'];
    const verdictOn = (message: Uint8Array) => {
      writeFileSync(files.message, message);
      return openssl([...verify, '-in', files.message, '-sigfile', files.signature]);
    };
    expect(String(await verdictOn(trailCheckpointMessage(line.checkpoint)))).toContain(
      'Verified Successfully',
    );
    const forged = { ...line.checkpoint, hash: parseSha256('0'.repeat(64)) };
    await expect(verdictOn(trailCheckpointMessage(forged))).rejects.toThrow();
  });
});
