import { createSecretKey } from 'node:crypto';
import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generatePrivateKey } from '../src/algorithms.ts';
import { createEnvelope } from '../src/envelope.ts';
import { KeysError } from '../src/index.ts';
import { formatKeyFile, openKeyFile, parseKeyFile, sealKeyFile } from '../src/key-file.ts';
import { deriveKeyring } from '../src/subkeys.ts';
import { keySpec } from './signing-fixture.ts';

const random = seededRandom('key files');
const envelope = createEnvelope(deriveKeyring([createSecretKey(random.bytes(32))], 'signing'), random);
const privateKey = generatePrivateKey('ecdsa-p256-sha256');
const file = sealKeyFile(privateKey, { spec: keySpec('ca', { algorithm: 'ecdsa-p256-sha256' }), envelope });

function edited(change: Record<string, unknown>): Uint8Array {
  return Buffer.from(JSON.stringify({ ...JSON.parse(formatKeyFile(file)), ...change }));
}

describe('a key file', () => {
  test('reads back as it was written, and opens', () => {
    const read = parseKeyFile(Buffer.from(formatKeyFile(file)));
    expect({ ...read, publicKey: Buffer.from(read.publicKey) }).toEqual({
      ...file,
      publicKey: Buffer.from(file.publicKey),
    });
    expect(openKeyFile(read, envelope).equals(privateKey)).toBe(true);
  });

  test('holds nothing of the private key in clear', () => {
    const text = formatKeyFile(file);
    const scalar = Buffer.from(String(privateKey.export({ format: 'jwk' }).d), 'base64url');
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      expect(text).not.toContain(scalar.subarray(0, 12).toString(form));
    }
    expect(text).not.toContain('PRIVATE');
  });

  test.each([
    ['its name', { name: 'other' }],
    ['its purpose', { purpose: 'text-only' }],
    ['its algorithm', { algorithm: 'ecdsa-p384-sha384' }],
    ['its public key', { publicKey: Buffer.from('another').toString('base64') }],
  ])('of which somebody edited %s does not open', (_field, change) => {
    expect(() => openKeyFile(parseKeyFile(edited(change)), envelope)).toThrow(
      expect.objectContaining({ code: 'keys.sealed' }),
    );
  });

  test.each([
    ['a later version', { version: 2 }],
    ['an unknown algorithm', { algorithm: 'rsa-md5' }],
    ['an algorithm named like an object member', { algorithm: 'constructor' }],
    ['a name that leads elsewhere', { name: '../ca' }],
    ['an unknown field', { extra: 1 }],
    ['a missing public key', { publicKey: undefined }],
    ['a public key that is not base64', { publicKey: '*' }],
    ['a missing private key', { sealedPrivateKey: undefined }],
    ['a purpose that is none', { purpose: 7 }],
  ])('with %s is refused', (_what, change) => {
    expect(() => parseKeyFile(edited(change))).toThrow(expect.objectContaining({ code: 'keys.key_file' }));
  });

  test('larger than the limit is refused before it is parsed', () => {
    expect(() => parseKeyFile(Buffer.alloc(64 * 1024, '['))).toThrow(/at most 32768 are accepted/);
  });

  test('of any other content is refused with nothing but our own error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (content) => {
          expect(() => parseKeyFile(content)).toThrow(KeysError);
        },
      ),
    );
  });
});
