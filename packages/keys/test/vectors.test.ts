import { createSecretKey, webcrypto } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { seededRandom } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { createEnvelope } from '../src/envelope.ts';
import { deriveKeyring, type SubkeyPurpose } from '../src/subkeys.ts';

interface Vector {
  readonly masterKey: string;
  readonly purpose: SubkeyPurpose;
  readonly context: string;
  readonly sealed: string;
  readonly plaintext?: string;
  readonly code?: string;
}

const { subtle } = webcrypto;
const folder = join(import.meta.dirname, '../../../conformance/vectors/sealed');

function vectors(kind: 'valid' | 'invalid'): (Vector & { readonly name: string })[] {
  const files = globSync(join(folder, kind, '*.json')).sort();
  return files.map((file) => ({ name: basename(file, '.json'), ...JSON.parse(readFileSync(file, 'utf8')) }));
}

function envelopeOf(vector: Vector) {
  const masterKey = createSecretKey(Buffer.from(vector.masterKey, 'hex'));
  return createEnvelope(deriveKeyring([masterKey], vector.purpose), seededRandom('vectors'));
}

/** The format once more, written down from its description alone and on Web Crypto. */
async function openIndependently(vector: Vector): Promise<Buffer> {
  const derive = async (secret: Uint8Array, options: { salt: Uint8Array; info: string; bits: number }) => {
    const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
    const { salt, info } = { salt: options.salt, info: Buffer.from(options.info) };
    return new Uint8Array(
      await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, options.bits),
    );
  };
  const [version, id, data = ''] = vector.sealed.split('.');
  const bytes = Buffer.from(data, 'base64url');
  const info = `fleetward/keys/1/subkey/${vector.purpose}`;
  const subkey = await derive(Buffer.from(vector.masterKey, 'hex'), {
    salt: Buffer.from('fleetward'),
    info,
    bits: 256,
  });
  const derived = await derive(subkey, {
    salt: bytes.subarray(0, 32),
    info: 'fleetward/sealed/1',
    bits: 352,
  });
  const key = await subtle.importKey('raw', derived.subarray(0, 32), 'AES-GCM', false, ['decrypt']);
  const additionalData = Buffer.from(`fleetward/sealed/1/${id}/${vector.context}`);
  const parameters = { name: 'AES-GCM', iv: derived.subarray(32), additionalData, tagLength: 128 };
  expect(version).toBe('fws1');
  return Buffer.from(await subtle.decrypt(parameters, key, bytes.subarray(32)));
}

describe('sealed texts that others can read', () => {
  test.each(vectors('valid'))('opens the valid vector $name', async (vector) => {
    expect(Buffer.from(envelopeOf(vector).open(vector.sealed, vector.context)).toString('hex')).toBe(
      vector.plaintext,
    );
    expect((await openIndependently(vector)).toString('hex')).toBe(vector.plaintext);
  });

  test.each(vectors('invalid'))('refuses the invalid vector $name', (vector) => {
    expect(() => envelopeOf(vector).open(vector.sealed, vector.context)).toThrow(
      expect.objectContaining({ code: vector.code }),
    );
  });

  test('the vectors are there', () => {
    expect([vectors('valid').length, vectors('invalid').length]).toEqual([4, 12]);
  });
});
