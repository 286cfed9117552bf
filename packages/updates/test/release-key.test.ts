import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { canonicalJson } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signPlainWithReleaseKey } from '../src/plain/sign-plain.ts';
import { verifyPlainSignature } from '../src/plain/verify-plain.ts';
import { generateReleaseKey, openReleaseKey, readReleasePublicKey } from '../src/release-key.ts';
import { isTokenKeyFile, parseTokenKey, writeTokenKey } from '../src/token-key-file.ts';
import { fileOf } from './kit.ts';

const passphrase = 'correct horse battery staple';
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const message = fileOf('what is signed');

function newKey(algorithm: 'ed25519' | 'ecdsa-p256-sha256' | 'rsa-pss-sha256' = 'ed25519') {
  return generateReleaseKey({ algorithm, passphrase, random, scryptCostLog2: 14 });
}

function changed(file: Uint8Array, change: object): Uint8Array {
  return fileOf(canonicalJson({ ...JSON.parse(Buffer.from(file).toString()), ...change }));
}

describe('release keys', () => {
  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha256'] as const)(
    'opens a %s key with its passphrase',
    async (algorithm) => {
      const made = newKey(algorithm);
      const { signer, keyId } = openReleaseKey(made.file, passphrase);
      expect({ keyId, algorithm: signer.algorithm }).toEqual({ keyId: made.keyId, algorithm });
      expect(readReleasePublicKey(made.file)).toEqual({ keyId, publicKey: new Uint8Array(signer.publicKey) });
      const key = createPublicKey({ key: Buffer.from(made.signer.publicKey), format: 'der', type: 'spki' });
      const pss = algorithm === 'rsa-pss-sha256' ? { padding: 6, saltLength: 32 } : {};
      const digest = algorithm === 'ed25519' ? null : 'sha256';
      expect(verify(digest, message, { key, ...pss }, await signer.sign(message))).toBe(true);
    },
  );

  it('stays locked for a wrong passphrase and when any part of the file was changed', () => {
    const { file } = newKey();
    const other = newKey();
    const locked = expect.objectContaining({ code: 'updates.key_locked' });
    expect(() => openReleaseKey(file, 'wrong horse')).toThrow(locked);
    const { publicKey, salt } = JSON.parse(Buffer.from(other.file).toString());
    for (const change of [
      { publicKey },
      { salt },
      { scryptCostLog2: 15 },
      { keyId: other.keyId },
      { algorithm: 'rsa-pss-sha256' },
    ]) {
      expect(() => openReleaseKey(changed(file, change), passphrase)).toThrow(locked);
    }
  });

  it('refuses files that are no key file, or that would cost too much to open', () => {
    const invalid = expect.objectContaining({ code: 'updates.key_invalid' });
    const { file } = newKey();
    const files = [
      fileOf('{}'),
      fileOf('[]'),
      fileOf('no'),
      changed(file, { scryptCostLog2: 40 }),
      changed(file, { sealed: 'AAAA' }),
    ];
    for (const bad of files) expect(() => openReleaseKey(bad, passphrase)).toThrow(invalid);
    expect(() => generateReleaseKey({ algorithm: 'ed25519', passphrase: 'short', random })).toThrow(invalid);
  });

  it('holds no private key in the clear: neither in the file nor on what it returns', () => {
    const made = newKey();
    expect(Object.keys(made.signer).toSorted()).toEqual(['algorithm', 'publicKey', 'sign']);
    expect(Buffer.from(made.file).toString()).not.toContain('PRIVATE');
  });

  it('signs plain files with RSA and Ed25519, and says that ECDSA cannot', async () => {
    for (const algorithm of ['rsa-pss-sha256', 'ed25519'] as const) {
      const { file: keyFile, signer } = newKey(algorithm);
      const signature = await signPlainWithReleaseKey(message, { keyFile, passphrase });
      const outcome = await verifyPlainSignature({ file: message, signature, publicKey: signer.publicKey });
      expect(outcome.kind).toBe('accepted');
    }
    const { file: keyFile } = newKey('ecdsa-p256-sha256');
    await expect(signPlainWithReleaseKey(message, { keyFile, passphrase })).rejects.toThrow(
      /RSA .* or Ed25519/,
    );
  });
});

describe('the file of a key in a token', () => {
  const { publicKey } = newKey().signer;
  const tokenKey = { publicKey: new Uint8Array(publicKey), tokenLabel: 'ada', objectId: new Uint8Array([7]) };
  const file = writeTokenKey(tokenKey);

  it('is read as it was written, and its public half serves as that of any key', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,30}[\x21-\x7e])?$/),
        (objectId, tokenLabel) => {
          const written = { ...tokenKey, objectId, tokenLabel };
          expect(parseTokenKey(writeTokenKey(written))).toEqual(written);
        },
      ),
    );
    expect(isTokenKeyFile(file)).toBe(true);
    expect(isTokenKeyFile(newKey().file)).toBe(false);
    expect(readReleasePublicKey(file).publicKey).toEqual(tokenKey.publicKey);
  });

  it.each([
    { token: '' },
    { token: ' ada' },
    { token: 'a'.repeat(33) },
    { token: 'a\u0000' },
    { objectId: '' },
    { objectId: '00'.repeat(65) },
    { objectId: 'zz' },
    { publicKey: 'AAAA' },
    { format: 'fleetward-token-key-2' },
  ])('is refused with %o', (change) => {
    const invalid = expect.objectContaining({ code: 'updates.key_invalid' });
    expect(() => parseTokenKey(changed(file, change))).toThrow(invalid);
  });

  it('is of one of TUF’s schemes', () => {
    const { signer } = generateReleaseKey({ algorithm: 'ml-dsa-65', passphrase, random, scryptCostLog2: 14 });
    const invalid = expect.objectContaining({ code: 'updates.key_invalid' });
    expect(() => parseTokenKey(writeTokenKey({ ...tokenKey, publicKey: signer.publicKey }))).toThrow(invalid);
  });
});
