import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Key } from '@tufjs/models';
import { describe, expect, it } from 'vitest';
import { tufKeyFromSpki } from '../src/metadata/key.ts';
import { countSignatures } from '../src/metadata/threshold.ts';
import { fileOf } from './kit.ts';

const canonical = fileOf('what is signed');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');

function keyOf(publicKey: KeyObject): Key {
  return tufKeyFromSpki(publicKey.export({ type: 'spki', format: 'der' }));
}

/** How many signers one key and signature make. */
function counted(key: Key, signature: Uint8Array): number {
  const role = { keys: { [key.keyID]: key }, keyIDs: [key.keyID], threshold: 1 };
  return countSignatures({ canonical, signatures: new Map([[key.keyID, signature]]) }, role).valid;
}

function pss(saltLength: number): Uint8Array {
  return sign('sha256', canonical, {
    key: rsa.privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength,
  });
}

function relabelled(
  key: Key,
  change: Partial<{ keyType: string; scheme: string; keyVal: Record<string, string> }>,
): Key {
  const { keyID, keyType, scheme, keyVal } = key;
  return new Key({ keyID, keyType, scheme, keyVal, ...change });
}

describe('counting signatures', () => {
  it('counts RSA-PSS with a salt of exactly 32 bytes', () => {
    const key = keyOf(rsa.publicKey);
    expect([0, 20, 31, 32, 33, 222].map((salt) => counted(key, pss(salt)))).toEqual([0, 0, 0, 1, 0, 0]);
    expect(counted(key, sign('sha256', canonical, rsa.privateKey))).toBe(0);
  });

  it('counts ECDSA in its DER form only', () => {
    const key = keyOf(p256.publicKey);
    expect(counted(key, sign('sha256', canonical, { key: p256.privateKey, dsaEncoding: 'der' }))).toBe(1);
    expect(counted(key, sign('sha256', canonical, { key: p256.privateKey, dsaEncoding: 'ieee-p1363' }))).toBe(
      0,
    );
    expect(counted(key, sign('sha512', canonical, p256.privateKey))).toBe(0);
  });

  it('takes the older name of the ECDSA key type', () => {
    const signature = sign('sha256', canonical, p256.privateKey);
    expect(counted(relabelled(keyOf(p256.publicKey), { keyType: 'ecdsa-sha2-nistp256' }), signature)).toBe(1);
  });

  it('does not count a key whose type, scheme or value lies, is weak, or is unknown', () => {
    const key = keyOf(ed25519.publicKey);
    const signature = sign(null, canonical, ed25519.privateKey);
    expect(counted(key, signature)).toBe(1);
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = weak.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const lies = [
      { scheme: 'rsassa-pss-sha256' },
      { keyType: 'rsa' },
      { keyType: 'ecdsa', scheme: 'ecdsa-sha2-nistp256' },
      { scheme: 'ml-dsa-65' },
      { keyVal: {} },
      { keyVal: { public: 'f'.repeat(62) } },
      { keyVal: { public: 'not a key' } },
      { keyType: 'rsa', scheme: 'rsassa-pss-sha256', keyVal: { public: pem } },
    ];
    for (const lie of lies) expect(counted(relabelled(key, lie), signature)).toBe(0);
    const weakKey = relabelled(key, lies.at(-1)!);
    const options = { key: weak.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    expect(counted(weakKey, sign('sha256', canonical, options))).toBe(0);
  });

  it('counts nothing for a role with no keys, and says so', () => {
    const count = countSignatures(
      { canonical, signatures: new Map() },
      { keys: {}, keyIDs: ['constructor'], threshold: 1 },
    );
    expect(count).toEqual({ isMet: false, valid: 0, threshold: 1 });
  });
});
