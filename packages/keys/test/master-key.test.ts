import { mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { createMasterKeyFile } from '../src/index.ts';
import { readMasterKey, readMasterKeys } from '../src/master-key.ts';
import { writePrivately } from './signing-fixture.ts';

const folder: TemporaryFolder = temporaryFolder();
afterAll(() => folder.remove());

const bytes = Buffer.from(seededRandom('master').bytes(32));
const refusal = expect.objectContaining({ code: 'keys.master_key' });
let files = 0;

function fileOf(
  content: string | Uint8Array,
  mode = 0o600,
): { readonly kind: 'file'; readonly path: string } {
  const path = folder.join(`key-${files++}`);
  writePrivately(path, content, mode);
  return { kind: 'file', path };
}

describe('a master key file', () => {
  test.each([
    ['raw bytes', bytes],
    ['hex', bytes.toString('hex')],
    ['hex with a line end', `${bytes.toString('hex').toUpperCase()}\n`],
    ['base64', bytes.toString('base64')],
    ['base64 with a line end', `${bytes.toString('base64')}\r\n`],
  ])('is read as %s', (_form, content) => {
    expect(readMasterKey(fileOf(content), {}).export()).toEqual(bytes);
    expect(readMasterKey(fileOf(content, 0o400), {}).export()).toEqual(bytes);
  });

  test.each([
    ['nothing', ''],
    ['31 bytes', bytes.subarray(1)],
    ['33 bytes', Buffer.concat([bytes, bytes.subarray(0, 1)])],
    ['half a key in hex, 32 characters', bytes.toString('hex').slice(0, 32)],
    ['a password of 32 characters', 'correct horse battery staple etc'],
    ['base64 with stray bits', `${bytes.toString('base64').slice(0, -2)}B=`],
    ['two lines', `${bytes.toString('hex')}\n\n`],
    ['zeros', Buffer.alloc(32)],
    ['zeros in hex', '0'.repeat(64)],
    ['a large file', Buffer.alloc(100_000, 'a')],
  ])('with %s is refused', (_what, content) => {
    expect(() => readMasterKey(fileOf(content), {})).toThrow(refusal);
  });

  test.each([0o640, 0o604, 0o660, 0o644, 0o610])(
    'that others can reach (mode %o) is refused, with the remedy',
    (mode) => {
      expect(() => readMasterKey(fileOf(bytes, mode), {})).toThrow('chmod 600');
    },
  );

  test('that is missing, a folder or a link to nowhere is refused', () => {
    mkdirSync(folder.join('a-folder'), { mode: 0o700 });
    symlinkSync(folder.join('nowhere'), folder.join('a-link'));
    for (const name of ['missing', 'a-folder', 'a-link']) {
      expect(() => readMasterKey({ kind: 'file', path: folder.join(name) }, {})).toThrow(refusal);
    }
  });

  test('never shows its content in a refusal', () => {
    const almost = bytes.toString('hex').slice(1);
    try {
      readMasterKey(fileOf(almost), {});
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(almost.slice(0, 8));
    }
  });

  test('that is created is private, reads back, and never replaces another', () => {
    const path = folder.join('created');
    createMasterKeyFile(path, seededRandom('created'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readMasterKey({ kind: 'file', path }, {}).export()).toEqual(
      Buffer.from(seededRandom('created').bytes(32)),
    );
    const before = readFileSync(path);
    expect(() => createMasterKeyFile(path, seededRandom('other'))).toThrow(refusal);
    expect(readFileSync(path)).toEqual(before);
  });
});

describe('a master key in the environment', () => {
  test('is read, and gone from the environment afterwards', () => {
    const environment: Record<string, string | undefined> = { KEY: bytes.toString('base64'), OTHER: 'stays' };
    expect(readMasterKey({ kind: 'environment', variable: 'KEY' }, environment).export()).toEqual(bytes);
    expect(environment).toEqual({ OTHER: 'stays' });
  });

  test('is gone from the environment also when it is no key', () => {
    const environment: Record<string, string | undefined> = { KEY: 'short' };
    expect(() => readMasterKey({ kind: 'environment', variable: 'KEY' }, environment)).toThrow(refusal);
    expect(environment).toEqual({});
    expect(() => readMasterKey({ kind: 'environment', variable: 'KEY' }, environment)).toThrow('is not set');
  });
});

describe('a systemd credential', () => {
  test('is read from the credentials folder, whatever its mode', () => {
    writePrivately(folder.join('master'), bytes, 0o440);
    const environment = { CREDENTIALS_DIRECTORY: folder.path };
    expect(readMasterKey({ kind: 'systemd-credential', name: 'master' }, environment).export()).toEqual(
      bytes,
    );
  });

  test('is refused when systemd gave none, or when its name leads elsewhere', () => {
    expect(() => readMasterKey({ kind: 'systemd-credential', name: 'master' }, {})).toThrow(
      'LoadCredential=',
    );
    const environment = { CREDENTIALS_DIRECTORY: folder.join('a-folder') };
    for (const name of ['../master', '..', '.', '', 'a/b']) {
      expect(() => readMasterKey({ kind: 'systemd-credential', name }, environment)).toThrow(refusal);
    }
  });
});

test('the same master key as current and previous is refused', () => {
  expect(() => readMasterKeys([fileOf(bytes), fileOf(bytes.toString('hex'))], {})).toThrow('twice');
});
