import { generateKeyPairSync } from 'node:crypto';
import { canonicalJson, type JsonObject, utf8 } from '@fleetward/core';
import {
  createMasterKeyFile,
  type KeySigner,
  localSigner,
  type SigningProcess,
  startSigningProcess,
} from '@fleetward/keys';
import {
  buildTbsCertificate,
  buildTbsCrl,
  buildTbsOcsp,
  type Certificate,
  type CertificateContent,
  certIdOf,
  issueCertificate,
  issueCsr,
  issueTogether,
  makeName,
  type ProfileName,
  parsePublicKey,
  tbsKindOf,
} from '@fleetward/pki';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/index.ts';
import { signingKeys } from '../../src/signing-keys.ts';
import { signingOptions } from '../../src/signing-process.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2030, 0, 1);
const random = seededRandom('signing lints');
const rootKey = localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 300 * dayMs };

let folder: TemporaryFolder;
let signing: SigningProcess;
let key: KeySigner;
let issuing: Certificate;

beforeAll(async () => {
  folder = temporaryFolder('fleetward-signing-lints-');
  createMasterKeyFile(folder.join('master.key'), random);
  const config = loadConfig({ overrides: { folder: folder.path } });
  signing = await startSigningProcess({
    ...signingOptions(config),
    environment: {},
    random,
    log: () => undefined,
  });
  key = await signing.generate(signingKeys.issuingCa);
  issuing = await certify();
});

afterAll(async () => {
  await signing?.close();
  folder?.remove();
});

async function certify(): Promise<Certificate> {
  const ca = { ...validity, signer: rootKey, random };
  const rootName = { subject: makeName([['commonName', 'Root']]), publicKey: publicKeyOf(rootKey) };
  const root = await issueCertificate({ ...ca, ...rootName, profile: 'root-ca', issuer: 'self' });
  const { subject, publicKey } = await issueCsr({
    subject: makeName([['commonName', 'Issuing']]),
    signer: key,
  });
  return issueCertificate({ ...ca, subject, publicKey, profile: 'issuing-ca', issuer: root });
}

function publicKeyOf({ publicKey }: { readonly publicKey: Uint8Array }) {
  return parsePublicKey(publicKey);
}

function contentOf(commonName: string, profile: ProfileName = 'device'): CertificateContent {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const subject = makeName([['commonName', commonName]]);
  return { ...validity, profile, issuer: issuing, subject, publicKey: parsePublicKey(spki) };
}

function tbsOf(content: CertificateContent): Uint8Array {
  return buildTbsCertificate(content, { algorithm: key.algorithm, serial: random.bytes(15) });
}

function crl(validDays = 1): Uint8Array {
  const times = { thisUpdateMs: nowMs, nextUpdateMs: nowMs + validDays * dayMs };
  return buildTbsCrl({ ...times, issuer: issuing, number: 1n, revoked: [] }, key.algorithm);
}

function ocsp(validDays = 1): Uint8Array {
  const certId = certIdOf(issuing, issuing);
  const times = { producedAtMs: nowMs, nextUpdateMs: nowMs + validDays * dayMs };
  return buildTbsOcsp({ ...times, issuer: issuing, statuses: [{ certId, status: { kind: 'good' } }] });
}

test('an issuing CA’s key signs what its CA issues: leaves, CRLs, OCSP answers, and its own CSR', async () => {
  const messages = [tbsOf(contentOf('a')), tbsOf(contentOf('a', 'claim')), crl(), ocsp()];
  expect(messages.map(tbsKindOf)).toEqual(['certificate', 'certificate', 'crl', 'ocsp']);
  for (const message of messages) expect((await key.sign(message)).length).toBeGreaterThan(0);
  expect(issuing.subject.text).toBe('CN=Issuing');
});

test.each<[string, () => Uint8Array, RegExp]>([
  ['a CA', () => tbsOf(contentOf('a', 'issuing-ca')), /fits no profile/],
  ['a name with a line break', () => tbsOf(contentOf('a\nb')), /control/],
  ['a certificate with bytes behind it', () => Uint8Array.of(...tbsOf(contentOf('a')), 0), /bytes too many/],
  ['a CRL for years', () => crl(4_000), /more than 400 days/],
  ['an OCSP answer for weeks', () => ocsp(30), /more than 8 days/],
  ['what is none of them', () => new Uint8Array(300).fill(0x30), /certificates, CRLs, OCSP answers/],
  ['nothing', () => new Uint8Array(), /certificates, CRLs, OCSP answers/],
])('it does not sign %s', async (_, message, reason) => {
  await expect(key.sign(message())).rejects.toMatchObject({
    code: 'keys.refused',
    message: expect.stringMatching(reason),
  });
});

test('of a batch that it refuses one of it signs none: this lint alone stands before the key', async () => {
  const contents = [contentOf('a'), contentOf('b')];
  const together = { issuer: issuing, signer: key, random };
  expect(await issueTogether({ ...together, contents })).toHaveLength(2);
  const refused = issueTogether({ ...together, contents: [...contents, contentOf('c\nd')] });
  await expect(refused).rejects.toMatchObject({ code: 'keys.refused' });
});

describe('a director’s key', () => {
  const base = { _type: 'targets', spec_version: '1.0.34', version: 1, expires: '2030-01-02T00:00:00Z' };
  const target = { length: 1, hashes: { sha256: 'a'.repeat(64) } };
  const own = { 'x-fleetward': { thingName: 'pump' } };
  let director: KeySigner;
  beforeAll(async () => {
    director = await signing.generate(signingKeys.director);
  });
  const sign = (message: object) => director.sign(utf8(canonicalJson({ ...message } as JsonObject)));

  test('signs instructions to one thing to have one target, or none', async () => {
    expect((await sign({ ...base, ...own, targets: { a: target } })).length).toBe(64);
    expect((await sign({ ...base, ...own, targets: {} })).length).toBe(64);
  });

  test.each<[string, object]>([
    ['targets for nobody: they could pass for a release', { ...base, targets: { a: target } }],
    ['two targets', { ...base, ...own, targets: { a: target, b: target } }],
    ['delegations', { ...base, ...own, targets: {}, delegations: { keys: {}, roles: [] } }],
    ['a snapshot', { ...base, ...own, _type: 'snapshot', targets: {}, meta: {} }],
    ['a root', { ...base, ...own, _type: 'root', targets: {} }],
  ])('does not sign %s', async (_, message) => {
    await expect(sign(message)).rejects.toMatchObject({ code: 'keys.refused' });
  });
});
