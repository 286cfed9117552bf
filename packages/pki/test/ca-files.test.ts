import { generateKeyPairSync } from 'node:crypto';
import type { SignerAlgorithm } from '@fleetward/core';
import { describe, expect, test } from 'vitest';
import {
  type Certificate,
  decryptPrivateKey,
  encodePem,
  encryptPrivateKey,
  issueCertificate,
  issueCsr,
  lintTbsCertificate,
  lintTbsCsr,
  makeName,
  parseCertificate,
  validateCa,
} from '../src/index.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, newKey, nowMs, random, type TestKey } from './test-ca.ts';

const algorithms: readonly SignerAlgorithm[] = [
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ed25519',
  'rsa-pkcs1-sha256',
];
const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + 300 * dayMs };
const named = (name: string) => makeName([['commonName', name]]);

function newRoot(name: string, key: TestKey): Promise<Certificate> {
  const subject = named(name);
  const self = { profile: 'root-ca', issuer: 'self', subject, publicKey: key.parsed } as const;
  return issueCertificate({ ...self, ...validity, signer: key, random });
}

function certify(
  profile: 'cross-ca' | 'issuing-ca',
  of: { readonly name: string; readonly key: TestKey },
  by: { readonly root: Certificate; readonly key: TestKey },
): Promise<Certificate> {
  const content = { profile, subject: named(of.name), publicKey: of.key.parsed, issuer: by.root } as const;
  return issueCertificate({ ...content, ...validity, signer: by.key, random });
}

withOpenssl.describe('what goes between the platform and a root by file', () => {
  test.each(algorithms)('openssl reads and verifies a CSR by %s', async (algorithm) => {
    using folder = opensslFolder();
    const csr = await issueCsr({ subject: named('Issuing CA 2'), signer: newKey(algorithm) });
    folder.write('csr.pem', encodePem('CERTIFICATE REQUEST', csr.der));
    expect(folder.run('req', '-in', 'csr.pem', '-verify', '-noout', '-subject')).toContain(
      'CN = Issuing CA 2',
    );
  });

  test.each(algorithms)(
    'openssl opens an encrypted key of %s with the passphrase alone, and we open its own',
    (algorithm) => {
      using folder = opensslFolder();
      const { privateKey } = newKey(algorithm);
      const pem = encryptPrivateKey(privateKey, { passphrase: 'correct horse', random });
      folder.write('key.pem', pem);
      const opened = folder.run('pkey', '-in', 'key.pem', '-passin', 'pass:correct horse');
      expect(opened).toContain(String(privateKey.export({ type: 'pkcs8', format: 'pem' })).slice(0, 60));
      expect(folder.try('pkey', '-in', 'key.pem', '-passin', 'pass:correct hors').ok).toBe(false);
      expect(decryptPrivateKey(pem, 'correct horse').equals(privateKey)).toBe(true);
      expect(() => decryptPrivateKey(pem, 'battery')).toThrow('the passphrase is wrong');
      folder.write('clear.pem', String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
      folder.run('pkcs8', '-topk8', '-in', 'clear.pem', '-out', 'theirs.pem', '-passout', 'pass:theirs');
      expect(decryptPrivateKey(folder.read('theirs.pem'), 'theirs').equals(privateKey)).toBe(true);
      expect(() => decryptPrivateKey(folder.read('clear.pem'), '')).toThrow('ENCRYPTED PRIVATE KEY');
    },
  );

  test('openssl and we find the way through a cross-certificate, from either root alone', async () => {
    using folder = opensslFolder();
    const [oldKey, newRootKey, caKey] = [newKey(), newKey('ecdsa-p384-sha384'), newKey('rsa-pkcs1-sha256')];
    const [oldRoot, newerRoot] = [await newRoot('Root 1', oldKey), await newRoot('Root 2', newRootKey)];
    const cross = await certify(
      'cross-ca',
      { name: 'Root 2', key: newRootKey },
      { root: oldRoot, key: oldKey },
    );
    const ca = await certify(
      'issuing-ca',
      { name: 'CA 2', key: caKey },
      { root: newerRoot, key: newRootKey },
    );
    for (const [name, { der }] of Object.entries({ oldRoot, newerRoot, cross, ca }))
      folder.write(`${name}.pem`, encodePem('CERTIFICATE', der));
    const at = ['-attime', String(nowMs / 1000 + 60), '-no-CApath', '-no-CAstore'];
    const verify = (root: string) =>
      folder.try('verify', ...at, '-CAfile', `${root}.pem`, '-untrusted', 'cross.pem', 'ca.pem');
    const atMs = nowMs + 60_000;
    for (const [file, root] of [
      ['oldRoot', oldRoot],
      ['newerRoot', newerRoot],
    ] as const) {
      expect(verify(file)).toMatchObject({ ok: true });
      expect(validateCa({ ca, untrusted: [cross], roots: [root], atMs })).toMatchObject({ kind: 'accepted' });
    }
    expect(validateCa({ ca, untrusted: [], roots: [oldRoot], atMs })).toMatchObject({
      code: 'unknown_issuer',
    });
  });
});

describe('what a root or an issuing CA is asked to sign', () => {
  test('a CSR has a name and a key and nothing else', async () => {
    const key = newKey();
    const { tbs } = await issueCsr({ subject: named('CA'), signer: key });
    expect(() => lintTbsCsr(tbs)).not.toThrow();
    const nameless = issueCsr({ subject: makeName([['organization', 'x']]), signer: key });
    await expect(nameless).rejects.toThrow('one commonName');
    const root = await newRoot('Root', key);
    expect(() => lintTbsCsr(root.tbs)).toThrow('not a CSR to sign');
    expect(() => lintTbsCertificate(tbs, 'device')).toThrow('not a certificate to sign');
  });

  test('a cross-certificate is of another root, never of the own one', async () => {
    const key = newKey();
    const root = await newRoot('Root', key);
    const own = certify('cross-ca', { name: 'Root', key: newKey() }, { root, key });
    await expect(own).rejects.toThrow('subject and issuer are the same name');
  });
});

describe('a CA is not taken into use', () => {
  const atMs = nowMs + 60_000;

  test('when it is a leaf, not signed by itself, or expired', async () => {
    const key = newKey();
    const root = await newRoot('Root', key);
    const verdict = (ca: Certificate, more: { readonly atMs?: number } = {}) =>
      validateCa({ ca, untrusted: [], roots: [root], atMs, ...more });
    const content = { subject: named('lamp'), publicKey: newKey().parsed, issuer: root } as const;
    const leaf = await issueCertificate({ ...content, profile: 'device', ...validity, signer: key, random });
    expect(verdict(leaf)).toMatchObject({ code: 'not_a_ca' });
    const forged = Uint8Array.from(root.der);
    forged[forged.length - 1]! ^= 1;
    expect(verdict(parseCertificate(forged))).toMatchObject({ kind: 'refused' });
    expect(verdict(root)).toMatchObject({ kind: 'accepted' });
    expect(verdict(root, { atMs: nowMs + 301 * dayMs })).toMatchObject({ code: 'expired' });
  });

  test('when the CA above allows none below it', async () => {
    const [key, caKey, subKey] = [newKey(), newKey(), newKey()];
    const root = await newRoot('Root', key);
    const ca = await certify('issuing-ca', { name: 'CA', key: caKey }, { root, key });
    const below = await certify('issuing-ca', { name: 'Sub', key: subKey }, { root: ca, key: caKey });
    expect(validateCa({ ca: below, untrusted: [ca], roots: [root], atMs })).toMatchObject({
      code: 'path_too_long',
    });
    expect(validateCa({ ca, untrusted: [], roots: [root], atMs })).toMatchObject({ kind: 'accepted' });
  });

  test('when another key of that name signed it', async () => {
    const root = await newRoot('Root', newKey());
    const other = newKey();
    const impostor = await newRoot('Root', other);
    const ca = await certify('issuing-ca', { name: 'CA', key: newKey() }, { root: impostor, key: other });
    expect(validateCa({ ca, untrusted: [], roots: [root], atMs })).toMatchObject({ code: 'unknown_issuer' });
  });
});

test('a private key that OpenSSL cannot have is refused as a file', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = encryptPrivateKey(privateKey, { passphrase: 'x', random });
  expect(() => decryptPrivateKey(pem.repeat(2), 'x')).toThrow('too many blocks');
  expect(() => decryptPrivateKey(' '.repeat(70_000), 'x')).toThrow('at most');
});
