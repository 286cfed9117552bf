import { checkPrimeSync, createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromHex, utf8 } from '@fleetward/core';
import { expect, it, test } from 'vitest';
import {
  checkCsr,
  checkPublicKey,
  issueCertificate,
  issueCsr,
  makeName,
  type PublicKey,
  parsePublicKey,
  parseWeakKeys,
  validateCa,
  validatePath,
} from '../src/index.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { deviceRequest, issueDevice, newCa, newKey, nowMs } from './test-ca.ts';

const folder = new URL('../../../conformance/vectors/x509/', import.meta.url);
interface Vectors {
  readonly lists: readonly string[];
  readonly cases: readonly Readonly<
    Record<'name' | 'spki' | 'reason' | 'list', string> & { listed: boolean }
  >[];
}
const vectors = (file: string): Vectors => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

const listOf = (...keys: readonly PublicKey[]) => parseWeakKeys([utf8(keys.map(entryOf).join('\n'))]);

function entryOf(key: PublicKey): string {
  if (key.kind !== 'rsa') throw new TypeError('only RSA keys are listed');
  const modulus = Buffer.from(key.modulus).toString('hex').toUpperCase();
  return createHash('sha1').update(`Modulus=${modulus}\n`).digest('hex').slice(20);
}

it.each(vectors('valid/weak-keys.json').lists)('the shared list %# names the keys that it names', (list) => {
  const rules = { weakKeys: parseWeakKeys([utf8(list)]) };
  for (const { spki, listed } of vectors('valid/weak-keys.json').cases) {
    const verdict = checkPublicKey(parsePublicKey(fromHex(spki)), rules);
    const refused = { kind: 'refused', reason: expect.stringContaining('CVE-2008-0166') };
    expect(verdict).toEqual(listed ? refused : { kind: 'accepted' });
  }
});

it.each(vectors('invalid/weak-keys.json').cases)('refuses the shared list with $name', ({ list }) => {
  const read = () => parseWeakKeys([utf8(list)]);
  expect(read).toThrow(
    expect.objectContaining({
      code: 'pki.weak_keys',
      message: expect.stringMatching(/line \d|lists no key/),
    }),
  );
});

withOpenssl.describe('beside openssl', () => {
  it('an entry is made of what openssl prints of a key', () => {
    using openssl = opensslFolder();
    openssl.run('genrsa', '-out', 'key.pem', '2048');
    const printed = openssl.run('rsa', '-in', 'key.pem', '-noout', '-modulus');
    openssl.run('rsa', '-in', 'key.pem', '-pubout', '-outform', 'DER', '-out', 'key.der');
    const weakKeys = parseWeakKeys([utf8(createHash('sha1').update(printed).digest('hex').slice(20))]);
    expect(weakKeys.has(parsePublicKey(new Uint8Array(openssl.read('key.der'))))).toBe(true);
  });
});

test('what holds a listed key is refused: a CSR, a leaf, a CA above it', async () => {
  const ca = await newCa();
  const key = newKey('rsa-pkcs1-sha256');
  const csr = await issueCsr({ subject: makeName([['commonName', 'lamp-1']]), signer: key });
  const leaf = await issueDevice(ca, { publicKey: key.parsed });
  const issuing = await issueCertificate({
    ...deviceRequest(ca),
    profile: 'issuing-ca',
    issuer: ca.root,
    signer: ca.rootKey,
    publicKey: key.parsed,
    subject: makeName([['commonName', 'Weak Issuing']]),
  });
  const below = await issueDevice({ ...ca, issuing, issuingKey: key });
  const at = { roots: [ca.root], atMs: nowMs };
  const path = { ...at, untrusted: [ca.issuing, issuing], purpose: 'clientAuth' } as const;
  const [free, rules] = [{ weakKeys: parseWeakKeys([]) }, { weakKeys: listOf(key.parsed) }];

  expect(checkCsr(csr, free).kind).toBe('accepted');
  expect(checkCsr(csr, rules)).toMatchObject({ kind: 'refused', code: 'weak_key' });
  for (const presented of [leaf, below]) {
    expect(validatePath({ ...path, leaf: presented, keyRules: free }).kind).toBe('accepted');
    expect(validatePath({ ...path, leaf: presented, keyRules: rules })).toMatchObject({ code: 'weak_key' });
  }
  expect(validateCa({ ...at, untrusted: [], ca: issuing }).kind).toBe('accepted');
  expect(validateCa({ ...at, untrusted: [], ca: issuing, keyRules: rules })).toMatchObject({
    code: 'weak_key',
  });
});

// The primes of one faulty generator, and close ones: conformance/vectors/x509/invalid/keys.json has them for a key alone.
test.each(['ROCA', 'so close'])('a key that is %s is refused in a CSR and a path too', (reason) => {
  const { spki } = vectors('invalid/keys.json').cases.find((one) => one.reason.includes(reason))!;
  const publicKey = parsePublicKey(fromHex(spki));
  const csr = { publicKey, signatureAlgorithm: { kind: 'ed25519' } } as Parameters<typeof checkCsr>[0];
  expect(checkCsr(csr)).toMatchObject({ code: 'weak_key', reason: expect.stringContaining(reason) });
});

// Nemec et al., The Return of Coppersmith's Attack (2017) §2.1: k·M + (65537^a mod M), where M is the product of the first 126 primes for 2048 bits.
const primorial = Array.from({ length: 700 }, (_, at) => BigInt(at + 2))
  .filter((number) => checkPrimeSync(number))
  .reduce((product, prime) => product * prime);

function powerOf65537(exponent: number): bigint {
  let power = 1n;
  for (let times = 0; times < exponent; times++) power = (power * 65537n) % primorial;
  return power;
}

function faultyPrime(exponent: number): bigint {
  const rest = powerOf65537(exponent);
  for (let k = (3n << 1022n) / primorial; ; k++) {
    const candidate = k * primorial + rest;
    if (checkPrimeSync(candidate)) return candidate;
  }
}

test('a key as the faulty library of CVE-2017-15361 made it is refused; another modulo one of the primes looked at is not', () => {
  const [p, q] = [faultyPrime(2017), faultyPrime(15361)];
  const keyOf = (modulus: bigint) => {
    const n = Buffer.from(modulus.toString(16), 'hex').toString('base64url');
    const spki = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    return parsePublicKey(new Uint8Array(spki.export({ type: 'spki', format: 'der' })));
  };
  const made = keyOf(p * q);
  expect(made).toMatchObject({ kind: 'rsa', sizeBits: 2048 });
  expect(checkPublicKey(made)).toEqual({
    kind: 'refused',
    reason: expect.stringContaining('CVE-2017-15361'),
  });
  // Modulo 11 the powers of 65537 are 1 and 10.
  const other = [1n, 2n]
    .map((times) => p * q + times * (primorial / 11n))
    .find((n) => n % 11n !== 10n && n % 11n !== 1n);
  expect(checkPublicKey(keyOf(other!))).toEqual({ kind: 'accepted' });
});
