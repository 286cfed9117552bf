import { constants, createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  needs,
  runProgram,
  type SoftHsm,
  softHsm,
  type TemporaryFolder,
  temporaryFolder,
} from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HsmSettings, type KeySigner, parseKeyName, type SigningProcess } from '../src/index.ts';
import { keySpec, startSigning } from './signing-fixture.ts';

const message = Buffer.from('what is to be signed');
const algorithms = [
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pkcs1-sha256',
  'rsa-pss-sha256',
  'ed25519',
] as const;

needs('softhsm2-util', 'softhsm2').describe('keys in a token', () => {
  let folder: TemporaryFolder;
  let hsm: SoftHsm;

  beforeAll(async () => {
    folder = temporaryFolder();
    hsm = await softHsm(folder);
  });

  afterAll(() => folder.remove());

  function start(over: Partial<HsmSettings> = {}): Promise<SigningProcess> {
    const { packagePath, module: modulePath, tokenLabel, pinFile } = hsm;
    const pin = { kind: 'file', path: pinFile } as const;
    const settings = { packagePath, modulePath, tokenLabel, pin, environment: ['SOFTHSM2_CONF'], ...over };
    return startSigning(folder, { hsm: settings, environment: { ...hsm.environment, TOKEN_PIN: hsm.pin } });
  }

  async function isSigned(signer: KeySigner): Promise<boolean> {
    const key = createPublicKey({ key: Buffer.from(signer.publicKey), type: 'spki', format: 'der' });
    const signature = await signer.sign(message);
    if (signer.algorithm === 'ed25519') return verify(null, message, key, signature);
    const hash = signer.algorithm.endsWith('384') ? 'sha384' : 'sha256';
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    return verify(hash, message, signer.algorithm === 'rsa-pss-sha256' ? { key, ...pss } : key, signature);
  }

  test('are made there, sign there, and are found again by the next process', async () => {
    const first = await start();
    for (const algorithm of algorithms) {
      const made = await first.generate({ ...keySpec(`in-${algorithm}`, { algorithm }), store: 'hsm' });
      expect(made.store).toBe('hsm');
      expect(made.inSoftware).toBeUndefined();
      // An r or s with a leading zero comes once in 128 signatures.
      for (let round = 0; round < (algorithm.startsWith('ec') ? 300 : 2); round++)
        expect(await isSigned(made)).toBe(true);
    }
    await first.close();
    const pin = { kind: 'environment', variable: 'TOKEN_PIN' } as const;
    const second = await start({ pin });
    for (const algorithm of algorithms)
      expect(await isSigned(await second.signer(parseKeyName(`in-${algorithm}`)))).toBe(true);
    await second.close();
  });

  test('sign again once a token that was pulled out is back, in the same process', async () => {
    const signing = await start();
    const signer = await signing.signer(parseKeyName('in-ecdsa-p256-sha256'));
    const [tokens, away] = [join(folder.path, 'tokens'), join(folder.path, 'pulled-out')];
    expect(await isSigned(signer)).toBe(true);
    renameSync(tokens, away);
    await expect(signer.sign(message)).rejects.toMatchObject({ code: 'keys.hsm' });
    renameSync(away, tokens);
    expect(await isSigned(signer)).toBe(true);
    renameSync(tokens, away);
    for (let attempt = 0; attempt < 3; attempt++)
      await expect(signer.sign(message)).rejects.toMatchObject({ code: 'keys.hsm' });
    renameSync(away, tokens);
    expect(await isSigned(signer)).toBe(true);
    await signing.close();
  });

  test('do not come out: not by reading, not by wrapping, and nobody can allow it afterwards', async () => {
    const script = join(import.meta.dirname, 'entries/export-attempt.ts');
    const attempt = await runProgram(process.execPath, [script, hsm.packagePath, hsm.module, hsm.pin], {
      environment: { ...hsm.environment },
    });
    expect(attempt).toMatchObject({ code: 0 });
    const said = attempt.stdout.toString().trimEnd().split('\n');
    expect(said.map((line) => JSON.parse(line).label).sort()).toEqual(
      algorithms.map((algorithm) => `fleetward in-${algorithm}`).sort(),
    );
    for (const line of said) {
      expect(JSON.parse(line)).toMatchObject({
        sensitive: true,
        extractable: false,
        neverExtractable: true,
        read: 'CKR_ATTRIBUTE_SENSITIVE',
        wrap: 'CKR_KEY_UNEXTRACTABLE',
      });
      expect(JSON.parse(line).makeExtractable).toMatch(/^CKR_/);
    }
  });

  test('what their files seal is a place, and a file that claims another purpose does not open', async () => {
    const path = join(folder.path, 'keys', 'in-ecdsa-p256-sha256.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"purpose": "anything"', '"purpose": "text-only"'));
    await expect(start()).rejects.toMatchObject({ code: 'keys.sealed' });
    writeFileSync(path, text);
    await (await start()).close();
  });

  test('need the right PIN; what is wrong is said without it', async () => {
    const wrong = join(folder.path, 'wrong.pin');
    writeFileSync(wrong, '00001111', { mode: 0o600 });
    const refused = start({ pin: { kind: 'file', path: wrong } });
    await expect(refused).rejects.toMatchObject({
      code: 'keys.hsm',
      message: expect.stringMatching(/refuses the PIN \(CKR_PIN_INCORRECT\)(?!.*00001111)/),
    });
  });

  test('a refused PIN is not tried by the next process either, so that restarts do not lock the token', async () => {
    const file = join(folder.path, 'again.pin');
    const pin = { kind: 'file', path: file } as const;
    const remembered = join(folder.path, 'keys', 'refused.pin');
    writeFileSync(file, '00002222', { mode: 0o600 });
    await expect(start({ pin })).rejects.toThrow(/CKR_PIN_INCORRECT/);
    expect(readFileSync(remembered, 'utf8')).toMatch(/^fws1\.(?!.*00002222)/);
    await expect(start({ pin })).rejects.toThrow(/did so before/);
    // Another one is tried, and the right one is taken; nothing is remembered then.
    writeFileSync(file, '00003333');
    await expect(start({ pin })).rejects.toThrow(/CKR_PIN_INCORRECT/);
    writeFileSync(file, hsm.pin);
    await (await start({ pin })).close();
    expect(existsSync(remembered)).toBe(false);
  });

  test.each([
    [{ tokenLabel: 'other' }, '0 tokens are labelled `other`'],
    [{ modulePath: '/nonexistent.so' }, 'does not load'],
    [{ packagePath: '/nonexistent' }, 'docs/how-to/keys-in-an-hsm.md'],
  ])('without what they need nothing starts: %j', async (over, reason) => {
    await expect(start(over)).rejects.toMatchObject({
      code: 'keys.hsm',
      message: expect.stringContaining(reason),
    });
  });

  test('of a kind that tokens do not make are refused, and without a token all are', async () => {
    const signing = await start();
    const made = signing.generate({ ...keySpec('lattice', { algorithm: 'ml-dsa-65' }), store: 'hsm' });
    await expect(made).rejects.toMatchObject({ code: 'keys.algorithm' });
    await signing.close();
    using other = temporaryFolder();
    const without = await startSigning(other);
    const asked = without.generate({ ...keySpec('x', { algorithm: 'ecdsa-p256-sha256' }), store: 'hsm' });
    await expect(asked).rejects.toMatchObject({ code: 'keys.hsm' });
    await without.close();
  });
});
