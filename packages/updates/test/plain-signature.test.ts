import { execFile } from 'node:child_process';
import { constants, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { needs } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signPlain } from '../src/plain/sign-plain.ts';
import { verifyPlainSignature } from '../src/plain/verify-plain.ts';
import { chunks } from './kit.ts';
import { rsa2049 } from './odd-rsa-key.ts';

const run = promisify(execFile);
let folder: string;
const at = (name: string) => join(folder, name);
const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });

/** Signs as people do, with the openssl program. */
async function signPss(key: string, { salt = 'max', digest = 'sha256', mode = 'pss' } = {}) {
  const options = ['-sigopt', `rsa_padding_mode:${mode}`];
  if (mode === 'pss') options.push('-sigopt', `rsa_pss_saltlen:${salt}`);
  await openssl('dgst', `-${digest}`, ...options, '-sign', `${key}.pem`, '-out', 'sig', 'firmware.bin');
  return readFile(at('sig'));
}

async function verify(signature: Uint8Array, key: string) {
  const publicKey = await readFile(at(`${key}.pub`), 'utf8');
  return verifyPlainSignature({ file: createReadStream(at('firmware.bin')), signature, publicKey });
}

needs('openssl', 'openssl').describe('plain signatures', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleetward-plain-'));
    await writeFile(at('firmware.bin'), Buffer.alloc(300_000, 'firmware '));
    for (const bits of ['2048', '2050', '3072']) await openssl('genrsa', '-out', `rsa${bits}.pem`, bits);
    await writeFile(at('rsa2049.pem'), rsa2049().export({ type: 'pkcs8', format: 'pem' }));
    for (const bits of ['2048', '2049', '2050', '3072']) {
      await openssl('rsa', '-in', `rsa${bits}.pem`, '-pubout', '-out', `rsa${bits}.pub`);
    }
    await openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed25519.pem');
    await openssl('pkey', '-in', 'ed25519.pem', '-pubout', '-out', 'ed25519.pub');
  });

  afterAll(() => rm(folder, { recursive: true }));

  it.each(['rsa2048', 'rsa2049', 'rsa2050', 'rsa3072'])(
    'accepts what openssl makes with a maximum salt and %s',
    async (key) => {
      expect(await verify(await signPss(key), key)).toEqual({ kind: 'accepted', scheme: 'rsa-pss' });
    },
  );

  it.each(['0', '32', 'digest', '221'])('refuses a salt of %s', async (salt) => {
    const outcome = await verify(await signPss('rsa2048', { salt }), 'rsa2048');
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'signature-wrong' });
  });

  it('takes a salt of 222 bytes for the maximum of a 2048-bit key, by number as by name', async () => {
    expect(await verify(await signPss('rsa2048', { salt: '222' }), 'rsa2048')).toMatchObject({
      kind: 'accepted',
    });
  });

  it('refuses PKCS#1 v1.5, another digest and another key', async () => {
    expect((await verify(await signPss('rsa2048', { mode: 'pkcs1' }), 'rsa2048')).kind).toBe('refused');
    expect((await verify(await signPss('rsa2048', { digest: 'sha512' }), 'rsa2048')).kind).toBe('refused');
    const other = await verify(await signPss('rsa2048'), 'rsa3072');
    expect(other).toMatchObject({ kind: 'refused', reason: 'signature-length' });
  });

  it('refuses another mask generation digest', async () => {
    const mgf = [
      '-sigopt',
      'rsa_padding_mode:pss',
      '-sigopt',
      'rsa_pss_saltlen:max',
      '-sigopt',
      'rsa_mgf1_md:sha1',
    ];
    await openssl('dgst', '-sha256', ...mgf, '-sign', 'rsa2048.pem', '-out', 'sig', 'firmware.bin');
    expect((await verify(await readFile(at('sig')), 'rsa2048')).kind).toBe('refused');
  });

  it('accepts Ed25519 as `openssl pkeyutl -sign -rawin` makes it', async () => {
    const raw = ['-sign', '-rawin', '-inkey', 'ed25519.pem', '-in', 'firmware.bin', '-out', 'sig'];
    await openssl('pkeyutl', ...raw);
    expect(await verify(await readFile(at('sig')), 'ed25519')).toEqual({
      kind: 'accepted',
      scheme: 'ed25519',
    });
  });

  it.each(['rsa2048', 'rsa2049', 'ed25519'])(
    'refuses any flipped bit of file or signature with %s',
    async (key) => {
      const privateKey = createPrivateKey(await readFile(at(`${key}.pem`)));
      const publicKey = await readFile(at(`${key}.pub`));
      const file = Uint8Array.from({ length: 3000 }, (_, index) => index % 251);
      const signature = await signPlain(chunks(file), privateKey);
      expect((await verifyPlainSignature({ file, signature, publicKey })).kind).toBe('accepted');
      for (let bit = 0; bit < signature.length * 8; bit += 97) {
        const tampered = flipBit(signature, bit);
        expect((await verifyPlainSignature({ file, signature: tampered, publicKey })).kind).toBe('refused');
        const changed = flipBit(file, bit);
        expect((await verifyPlainSignature({ file: changed, signature, publicKey })).kind).toBe('refused');
      }
    },
  );

  it('makes signatures that openssl verifies', async () => {
    const privateKey = createPrivateKey(await readFile(at('rsa2049.pem')));
    await writeFile(at('ours.sig'), await signPlain(createReadStream(at('firmware.bin')), privateKey));
    const options = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:max'];
    const verified = await openssl(
      ...['dgst', '-sha256', ...options, '-verify', 'rsa2049.pub', '-signature', 'ours.sig', 'firmware.bin'],
    );
    expect(verified.stdout).toContain('Verified OK');
  });

  it('refuses keys it does not know: weak RSA, EC, a private key, two keys, noise', async () => {
    const signature = new Uint8Array(64);
    const pem = { type: 'spki', format: 'pem' } as const;
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export(pem).toString();
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export(pem).toString();
    const secret = await readFile(at('ed25519.pem'), 'utf8');
    const known = await readFile(at('ed25519.pub'), 'utf8');
    for (const publicKey of [weak, ec, secret, known + known, '', 'noise', new Uint8Array(20_000)]) {
      const outcome = await verifyPlainSignature({ file: new Uint8Array(), signature, publicKey });
      expect(outcome).toMatchObject({ kind: 'refused', reason: 'key-unusable' });
    }
  });

  it('is not fooled by the constant that node:crypto calls the maximum', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const file = new Uint8Array([1, 2, 3]);
    const short = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const outcome = await verifyPlainSignature({
      file,
      signature: sign('sha256', file, short),
      publicKey: spki,
    });
    expect(outcome.kind).toBe('refused');
  });
});

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = Math.floor(bit / 8) % copy.length;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8));
  return copy;
}
