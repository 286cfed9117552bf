import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { localSigner } from '../src/index.ts';

const message = Buffer.from('what is to be signed');

describe('a local signer', () => {
  test('signs for the public key it names', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const signer = localSigner(privateKey, 'ed25519');
    expect(verify(null, message, publicKey, await signer.sign(message))).toBe(true);
    expect(Buffer.from(signer.publicKey)).toEqual(publicKey.export({ type: 'spki', format: 'der' }));
  });

  test('refuses a key of another type, curve or strength, and a public key', () => {
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const refused = expect.objectContaining({ code: 'keys.algorithm' });
    expect(() => localSigner(p256.privateKey, 'ecdsa-p384-sha384')).toThrow(refused);
    expect(() => localSigner(p256.privateKey, 'ed25519')).toThrow(refused);
    expect(() => localSigner(p256.publicKey, 'ecdsa-p256-sha256')).toThrow(refused);
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(() => localSigner(weak, 'rsa-pss-sha256')).toThrow(refused);
  });
});
