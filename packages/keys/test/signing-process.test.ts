import { createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { SignerAlgorithm } from '@fleetward/core';
import { needs, openssl, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KeySigner, parseKeyName, type SigningProcess } from '../src/index.ts';
import { keySpec, masterKeyFile, startSigning, writePrivately } from './signing-fixture.ts';

const message = Buffer.from('what is to be signed');
const algorithms: readonly SignerAlgorithm[] = [
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ed25519',
  'rsa-pkcs1-sha256',
  'rsa-pss-sha256',
];
const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'];

let folder: TemporaryFolder;
let signing: SigningProcess;

beforeAll(async () => {
  folder = temporaryFolder();
  signing = await startSigning(folder);
});

afterAll(async () => {
  await signing.close();
  folder.remove();
});

/** What `openssl` says about a signature, given the files of all three parts. */
async function verifiedByOpenssl(signer: KeySigner, signature: Uint8Array): Promise<string> {
  const file = (ending: string): string => folder.join(`${signer.name}.${ending}`);
  const key = createPublicKey({ key: Buffer.from(signer.publicKey), type: 'spki', format: 'der' });
  writePrivately(file('pem'), key.export({ type: 'spki', format: 'pem' }));
  writePrivately(file('sig'), signature);
  writePrivately(file('msg'), message);
  const parts = ['-signature', file('sig'), file('msg')];
  const args =
    signer.algorithm === 'ed25519'
      ? [
          'pkeyutl',
          '-verify',
          '-pubin',
          '-inkey',
          file('pem'),
          '-rawin',
          '-sigfile',
          file('sig'),
          '-in',
          file('msg'),
        ]
      : ['dgst', signer.algorithm.endsWith('384') ? '-sha384' : '-sha256', '-verify', file('pem')]
          .concat(signer.algorithm === 'rsa-pss-sha256' ? pss : [])
          .concat(parts);
  return (await openssl(args)).toString();
}

needs('openssl', 'openssl').describe('what the signing process signs', () => {
  test.each(algorithms)('is accepted by openssl: %s', async (algorithm) => {
    const signer = await signing.generate(keySpec(`openssl-${algorithm}`, { algorithm }));
    expect(await verifiedByOpenssl(signer, await signer.sign(message))).toMatch(
      /Verified (OK|Successfully)/i,
    );
  });
});

describe('many messages', () => {
  test('are signed together, each in its place', async () => {
    const signer = await signing.generate(keySpec('together', { algorithm: 'ed25519' }));
    const messages = Array.from({ length: 1_100 }, (_, at) => Buffer.from(`message ${at}`));
    const signatures = (await signer.signAll?.(messages)) ?? [];
    expect(signatures).toHaveLength(1_100);
    const key = createPublicKey({ key: Buffer.from(signer.publicKey), type: 'spki', format: 'der' });
    expect(messages.filter((own, at) => !verify(null, own, key, signatures[at]!))).toEqual([]);
    expect(await signer.signAll?.([])).toEqual([]);
    expect(signer.inSoftware).toBe(true);
  });

  test('are signed all or not at all: the lint looks at each', async () => {
    const signer = await signing.generate(keySpec('texts-together', { purpose: 'text-only' }));
    const refused = signer.signAll?.([message, Uint8Array.of(0x7f), message]);
    await expect(refused).rejects.toMatchObject({ code: 'keys.refused' });
    expect(await signer.signAll?.([message, message])).toHaveLength(2);
  });
});

// Debian's openssl is 3.0 and knows nothing of ML-DSA; the pinned Node.js has OpenSSL 3.5.
test.each(['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const)(
  'what it signs with %s verifies, also after a restart',
  async (algorithm) => {
    const made = await signing.generate(keySpec(`pq-${algorithm}`, { algorithm }));
    await signing.close();
    signing = await startSigning(folder);
    const signer = await signing.signer(made.name);
    const key = createPublicKey({ key: Buffer.from(made.publicKey), type: 'spki', format: 'der' });
    const signature = await signer.sign(message);
    expect(key.asymmetricKeyType).toBe(algorithm);
    expect(verify(null, message, key, signature)).toBe(true);
    expect(verify(null, Buffer.concat([message, message]), key, signature)).toBe(false);
  },
);

describe('a key', () => {
  test('has a private file, and is the same after a restart', async () => {
    const made = await signing.generate(keySpec('lasting', { algorithm: 'ecdsa-p256-sha256' }));
    expect(statSync(folder.join('keys/lasting.json')).mode & 0o777).toBe(0o600);
    expect(statSync(folder.join('keys')).mode & 0o777).toBe(0o700);
    await signing.close();
    signing = await startSigning(folder);
    const found = await signing.signer(made.name);
    expect(found).toMatchObject({ name: 'lasting', purpose: 'anything', algorithm: 'ecdsa-p256-sha256' });
    expect(found.publicKey).toEqual(made.publicKey);
    expect(await found.sign(message)).toBeInstanceOf(Uint8Array);
  });

  test('is never made over another of its name', async () => {
    const made = await signing.generate(keySpec('once'));
    const before = readFileSync(folder.join('keys/once.json'));
    await expect(signing.generate(keySpec('once'))).rejects.toMatchObject({ code: 'keys.key_exists' });
    expect(readFileSync(folder.join('keys/once.json'))).toEqual(before);
    expect((await signing.signer(made.name)).publicKey).toEqual(made.publicKey);
  });

  test('that another process made meanwhile is not written over either', async () => {
    const other = await startSigning(folder);
    try {
      const made = await other.generate(keySpec('raced'));
      await expect(signing.generate(keySpec('raced'))).rejects.toMatchObject({ code: 'keys.key_exists' });
      expect(readFileSync(folder.join('keys/raced.json'), 'utf8')).toContain(
        Buffer.from(made.publicKey).toString('base64'),
      );
    } finally {
      await other.close();
    }
  });

  test('that does not exist is an answer or an error, as asked', async () => {
    const name = parseKeyName('nobody');
    expect(await signing.findSigner(name)).toBeUndefined();
    await expect(signing.signer(name)).rejects.toMatchObject({ code: 'keys.key_missing' });
  });
});

describe('the lint of a purpose', () => {
  test('lets through what it accepts and refuses the rest with its own words', async () => {
    const signer = await signing.generate(keySpec('texts', { purpose: 'text-only' }));
    await signer.sign(message);
    await expect(signer.sign(Uint8Array.of(0x7f))).rejects.toMatchObject({
      code: 'keys.refused',
      message: '`texts` (text-only) does not sign this: the message is not printable text',
    });
  });

  test('cannot change what is signed', async () => {
    const scribbled = await signing.generate(keySpec('scribbled', { purpose: 'scribbling' }));
    expect(await verifiedByNode(scribbled, await scribbled.sign(message))).toBe(true);
  });

  test('that answers later refuses everything', async () => {
    const signer = await signing.generate(keySpec('later', { purpose: 'asynchronous' }));
    await expect(signer.sign(message)).rejects.toMatchObject({ code: 'keys.refused' });
  });

  test('must exist before a key of its purpose does', async () => {
    for (const purpose of ['unheard-of', 'constructor']) {
      await expect(signing.generate(keySpec('purposeless', { purpose }))).rejects.toMatchObject({
        code: 'keys.refused',
      });
    }
    expect(readdirSync(folder.join('keys'))).not.toContain('purposeless.json');
  });
});

describe('the master key', () => {
  test('when it is another one the start is refused, and no file is touched', async () => {
    await signing.findSigner(parseKeyName('once'));
    const before = readdirSync(folder.join('keys'));
    const attempt = startSigning(folder, { masterKey: masterKeyFile(folder, 2) });
    await expect(attempt).rejects.toMatchObject({ code: 'keys.unknown_master_key' });
    await expect(attempt).rejects.toThrow(/^key file `[a-z0-9-]+`: sealed under the master key with id/);
    expect(readdirSync(folder.join('keys'))).toEqual(before);
  });

  test('when it is missing the start is refused with the reason', async () => {
    const attempt = startSigning(folder, { masterKey: { kind: 'file', path: folder.join('nowhere') } });
    await expect(attempt).rejects.toMatchObject({ code: 'keys.master_key' });
  });

  test('is rotated: both are loaded, keys are rewrapped, the old one is no longer needed', async () => {
    using other = temporaryFolder();
    const [first, second] = [masterKeyFile(other, 1), masterKeyFile(other, 2)];
    const before = await startSigning(other, { masterKey: first });
    const made = await before.generate(keySpec('turned'));
    const sealed = before.records.seal(message, 'record');
    await before.close();

    const between = await startSigning(other, { masterKey: second, previousMasterKeys: [first] });
    expect(Buffer.from(between.records.open(sealed, 'record'))).toEqual(message);
    const renewed = between.records.rewrap(sealed, 'record');
    expect([await between.rewrapKeys(), await between.rewrapKeys()]).toEqual([1, 0]);
    await between.close();

    const after = await startSigning(other, { masterKey: second });
    expect((await after.signer(made.name)).publicKey).toEqual(made.publicKey);
    expect(Buffer.from(after.records.open(renewed, 'record'))).toEqual(message);
    expect(() => after.records.open(sealed, 'record')).toThrow('is not loaded');
    await after.close();
    await expect(startSigning(other, { masterKey: first })).rejects.toMatchObject({
      code: 'keys.unknown_master_key',
    });
  });

  test('from the environment reaches the signing process and leaves this one', async () => {
    const environment = { KEY: readFileSync(masterKeyFile(folder).path, 'utf8').trim(), SECRET: 'of ours' };
    const started = await startSigning(folder, {
      masterKey: { kind: 'environment', variable: 'KEY' },
      environment,
    });
    expect(environment).toEqual({ SECRET: 'of ours' });
    expect((await started.signer(parseKeyName('once'))).name).toBe('once');
    await started.close();
  });
});

describe('a key folder', () => {
  test('with a damaged key file is refused at the start', async () => {
    using other = temporaryFolder();
    await (await startSigning(other)).close();
    writePrivately(other.join('keys/half.json'), '{"version": 1, "na');
    await expect(startSigning(other)).rejects.toMatchObject({
      code: 'keys.key_file',
      message: expect.stringContaining('key file `half`'),
    });
  });

  test('with a key file under another name is refused at the start', async () => {
    using other = temporaryFolder();
    const started = await startSigning(other);
    await started.generate(keySpec('genuine'));
    await started.close();
    writePrivately(other.join('keys/copied.json'), readFileSync(other.join('keys/genuine.json')));
    await expect(startSigning(other)).rejects.toMatchObject({ code: 'keys.key_file' });
  });

  test('is cleared of what an interrupted write left', async () => {
    using other = temporaryFolder();
    await (await startSigning(other)).close();
    writePrivately(other.join('keys/half.json.77.unfinished'), '{"version": 1, "na');
    await (await startSigning(other)).close();
    expect(readdirSync(other.join('keys'))).toEqual([]);
  });
});

async function verifiedByNode(signer: KeySigner, signature: Uint8Array): Promise<boolean> {
  const { verify } = await import('node:crypto');
  const key = createPublicKey({ key: Buffer.from(signer.publicKey), type: 'spki', format: 'der' });
  return verify(null, message, key, signature);
}

test('started to sign only for some purposes, it has no other key and makes none', async () => {
  using folder = temporaryFolder();
  const whole = await startSigning(folder);
  await whole.generate(keySpec('root', { purpose: 'text-only' }));
  await whole.generate(keySpec('leaf', { purpose: 'anything' }));
  await whole.close();

  const limited = await startSigning(folder, { signOnly: [keySpec('leaf').purpose] });
  try {
    await expect((await limited.signer(parseKeyName('leaf'))).sign(message)).resolves.toHaveLength(64);
    await expect(limited.signer(parseKeyName('root'))).rejects.toMatchObject({ code: 'keys.key_missing' });
    await expect(limited.generate(keySpec('new'))).rejects.toMatchObject({ code: 'keys.refused' });
    await expect(limited.rewrapKeys()).rejects.toMatchObject({ code: 'keys.refused' });
  } finally {
    await limited.close();
  }
});

test('started to sign only, it makes keys of the one purpose that is named, and of no other', async () => {
  using folder = temporaryFolder();
  const purposes = ['anything', 'text-only'].map((purpose) => keySpec('x', { purpose }).purpose);
  const limited = await startSigning(folder, { signOnly: purposes, mayGenerate: purposes.slice(0, 1) });
  try {
    const made = await limited.generate(keySpec('next', { purpose: 'anything' }));
    await expect(made.sign(message)).resolves.toHaveLength(64);
    const other = limited.generate(keySpec('other', { purpose: 'text-only' }));
    await expect(other).rejects.toMatchObject({ code: 'keys.refused' });
  } finally {
    await limited.close();
  }
});
