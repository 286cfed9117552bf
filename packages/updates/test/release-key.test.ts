import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { canonicalJson } from '@fleetward/core';
import { describe, expect, it } from 'vitest';
import { signPlainWithReleaseKey } from '../src/plain/sign-plain.ts';
import { verifyPlainSignature } from '../src/plain/verify-plain.ts';
import { generateReleaseKey, openReleaseKey, readReleasePublicKey } from '../src/release-key.ts';
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
